"""Serves a model over SGLang's HTTP protocol: the in-process JAX engine, or with config.engine=sglang a real SGLang.

On: any machine with jax; SmolLM2-135M in fp32 needs about 2 GB and writes about 200 tokens per CPU-second with 32
requests at a time (2 cores). Expected: "listening on http://127.0.0.1:30000" on stderr after some seconds.

  python launch/serve.py --config=configs/serve.py --workdir=/tmp/serve
  python launch/serve.py --config.engine=sglang --workdir=/tmp/serve  # real; launch/test_sglang.sh makes .venv_sglang
  curl http://127.0.0.1:30000/generate -d '{"text": "The capital of France is", "sampling_params": {"temperature": 0}}'
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.serve.settings import ServeSettings


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(ServeSettings()))
