"""Greedy decoding agrees with transformers' generate on an exported model."""

import numpy as np
import pytest

from eft_jax import models
from eft_jax.serve.requests import GenerateRequest, SamplingParams


@pytest.mark.slow
def test_greedy_equals_transformers(engine, tiny, tmp_path):
  torch = pytest.importorskip("torch")
  transformers = pytest.importorskip("transformers")
  models.export_hf(tiny.config, tiny.params, tmp_path / "model", tiny.tokenizer)
  peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
  prompts = [np.random.default_rng(i).integers(3, 259, 3 + 5 * i).tolist() for i in range(4)]
  results = engine.generate([GenerateRequest(tuple(ids), SamplingParams(
      max_new_tokens=24, temperature=0.0, ignore_eos=True)) for ids in prompts])
  for ids, result in zip(prompts, results, strict=True):
    with torch.no_grad():
      expected = peer.generate(torch.tensor([ids]), max_new_tokens=24, min_new_tokens=24, do_sample=False,
                               eos_token_id=None, pad_token_id=0)[0, len(ids):]
    assert list(result.output_ids) == expected.tolist()
