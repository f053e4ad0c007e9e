"""Serves a model over SGLang's protocol: python launch/serve.py --config=configs/serve.py --workdir=DIR."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from eft_jax.serve.settings import ServeSettings, Serving
from eft_jax.serve.sglang import Sglang
from launch import common


def run(settings: ServeSettings, workdir: pathlib.Path, progress: common.Progress) -> dict:
  """Until SIGTERM or Ctrl-C, which are a server's normal end; where it ends by itself, that is one line and code 1."""
  start = time.monotonic()
  engine = Sglang if settings.engine == "sglang" else Serving
  with engine(settings, workdir, progress.say) as serving:
    try:
      serving.wait()
    except common.Stopped as stop:
      progress.say(f"{stop}: shutting down")
    except RuntimeError as error:
      common.fail(error, code=1)
  return {**serving.results(), "served_seconds": round(time.monotonic() - start, 1)}


if __name__ == "__main__":
  common.launch(run, ServeSettings, "configs/serve.py")
