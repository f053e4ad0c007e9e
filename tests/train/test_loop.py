"""A stopped run continues to the bit; results, export and errors are what the loop says."""

import dataclasses
import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest

from eft_jax import finch, models, text, train
from eft_jax.core.settings import ConfigError
from eft_jax.train import metrics


def trace(workdir):
  """Everything in the record but times."""
  return [metrics.repeatable(event) for event in metrics.read(workdir)]


class Stop(BaseException):
  pass


@pytest.mark.slow
def test_stop_and_resume_give_the_same_run_to_the_bit(settings, quiet, tmp_path):
  run = settings(checkpoint={"every": 4}, evaluate_every=6, accumulate=2)
  whole = train.run_train(run, tmp_path / "whole", quiet())
  (tmp_path / "parts").mkdir()

  def handler(number, frame):
    raise Stop

  old = signal.signal(signal.SIGTERM, handler)
  try:
    for stop_at in (5, 7, 9):
      progress = quiet(lambda step, stop_at=stop_at: step == stop_at and os.kill(os.getpid(), signal.SIGTERM))
      with pytest.raises(Stop):
        train.run_train(run, tmp_path / "parts", progress)
  finally:
    assert signal.signal(signal.SIGTERM, old) is handler  # the loop put it back
  last = quiet()
  parts = train.run_train(run, tmp_path / "parts", last)
  assert any("resumed at step" in said for said in last.said)
  assert trace(tmp_path / "parts") == trace(tmp_path / "whole") and len(trace(tmp_path / "whole")) == 15
  same = metrics.repeatable
  assert same(parts) == same(whole)
  # A finished run does nothing more.
  again = train.run_train(run, tmp_path / "whole", quiet())
  assert same(again) == same(whole) and again["tokens_per_second"] is None


@pytest.mark.slow
def test_results_and_export(settings, quiet, tmp_path, folder, tiny):
  progress = quiet()
  results = train.run_train(settings(export=True, tensorboard=True), tmp_path, progress)
  assert results["steps"] == 12 and results["examples"] == 64 and results["left_out"] == {"label": 8}
  assert results["loss_last"] < results["loss_first"]
  assert results["validation_loss_last"] < results["validation_loss_first"]
  assert results["tokens_per_second"] > 0 and progress.shown[-1][:3] == (12, 12, "step")
  assert results["parameters"] == results["trained_parameters"] == models.count_params(tiny[0])
  loaded = models.load(tmp_path / "export")
  assert text.Tokenizer.load(tmp_path / "export").encode("abc") == tiny[2].encode("abc")
  changed = [np.abs(np.asarray(a) - np.asarray(b)).max()
             for a, b in zip(jax.tree.leaves(loaded.params), jax.tree.leaves(tiny[1]), strict=True)]
  assert min(changed) > 0
  assert list((tmp_path / "tensorboard").iterdir())
  half = tmp_path / "half"
  train.run_train(settings(export=True, export_dtype="bfloat16", steps=1), half, quiet())
  assert jax.tree.leaves(models.load(half / "export", "bfloat16", host=True).params)[0].dtype == "bfloat16"
  assert json.loads((half / "export" / "config.json").read_text())["torch_dtype"] == "bfloat16"
  # The exported model has the loss that the run ended with.
  resumed = train.run_train(settings(model=str(tmp_path / "export"), optimizer={"learning_rate": 0.0}, steps=1),
                            tmp_path / "again", quiet())
  np.testing.assert_allclose(resumed["validation_loss_first"], results["validation_loss_last"], rtol=1e-6)


@pytest.mark.slow
def test_lora_is_merged_into_the_export_and_written_by_itself(settings, quiet, tiny, tmp_path):
  results = train.run_train(settings(export=True, lora={"rank": 4}, steps=4), tmp_path, quiet())
  assert results["trained_parameters"] < results["parameters"]
  merged = train.run_train(settings(model=str(tmp_path / "export"), optimizer={"learning_rate": 0.0}, steps=1),
                           tmp_path / "again", quiet())
  np.testing.assert_allclose(merged["validation_loss_first"], results["validation_loss_last"], rtol=1e-5)
  assert results["adapter"] == str(tmp_path / "adapter")
  assert text.Tokenizer.load(tmp_path / "adapter").encode("abc") == tiny[2].encode("abc")
  jax.tree.map(np.testing.assert_array_equal, models.load(tmp_path / "adapter").params,
               models.load(tmp_path / "export").params)


@pytest.mark.slow
def test_epochs_become_steps(settings, quiet, tmp_path):
  progress = quiet()
  results = train.run_train(settings(steps=0, epochs=0.5), tmp_path, progress)
  rows = int(progress.said[1].split(" packed rows")[0].split()[-1])
  assert results["steps"] == round(0.5 * rows / 4) > 1


@pytest.mark.slow
def test_non_finite_loss_names_the_step_and_keeps_the_checkpoint(settings, quiet, tmp_path):
  with pytest.raises(train.NonFiniteLoss, match=r"Step \d+ of 12 has loss .* on \d+ examples: train-improved-\d+, .*"
                                                r"newest checkpoint: 1\."):
    train.run_train(settings(optimizer={"learning_rate": 1e30, "clip_norm": 0.0, "warmup_steps": 1},
                             checkpoint={"every": 1}), tmp_path, quiet())
  assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 1


def test_a_checkpoint_of_another_model_or_without_its_place_in_the_data(settings, quiet, tmp_path, tiny):
  train.run_train(settings(steps=1), tmp_path, quiet())
  with pytest.raises(ConfigError, match="checkpoints/1 was made by another model or other settings"):
    train.run_train(settings(steps=2, lora={"rank": 2}), tmp_path, quiet())
  other = dataclasses.replace(tiny[0], hidden_dim=2 * tiny[0].hidden_dim)
  models.export_hf(other, models.init(other, jax.random.key(0)), tmp_path / "other", tiny[2])
  with pytest.raises(ConfigError, match=r"has shape \(.*\), expected \("):
    train.run_train(settings(steps=2, model=str(tmp_path / "other")), tmp_path, quiet())
  extra = tmp_path / "checkpoints" / "1" / "extra" / "metadata"
  stored = json.loads(extra.read_text())
  extra.write_text(json.dumps({"step": stored["step"]}))
  with pytest.raises(ConfigError, match="checkpoints/1 has no 'stream' in extra"):
    train.run_train(settings(steps=2), tmp_path, quiet())
  shutil.rmtree(extra.parent)
  with pytest.raises(ConfigError, match="checkpoints/1 has no iterator state"):
    train.run_train(settings(steps=2), tmp_path, quiet())


def test_weights_of_another_shape_than_their_config(settings, quiet, tmp_path, folder):
  shutil.copytree(folder / "model", tmp_path / "model")
  config = json.loads((tmp_path / "model" / "config.json").read_text())
  config["intermediate_size"] *= 2
  (tmp_path / "model" / "config.json").write_text(json.dumps(config))
  with pytest.raises(ConfigError, match=r"mlp.*has shape \(.*\), expected \(.*\) by config.json"):
    train.run_train(settings(model=str(tmp_path / "model")), tmp_path, quiet())


@pytest.mark.parametrize("split, label, reply, words", [
    ("validation", "improved", "x", "has no split 'train', only validation"),
    ("train", "improved", "x" * 500, "0 examples with 0 tokens to learn .left out: {'too_long': 1}"),
    ("train", "regressed", "x", "0 examples with 0 tokens to learn .left out: {'label': 1}"),
])
def test_a_data_set_with_nothing_to_learn(settings, quiet, tmp_path, make_row, split, label, reply, words):
  finch.write({split: lambda: [make_row(0, split, label, reply)]}, tmp_path / "dataset")
  with pytest.raises(ConfigError, match=words):
    train.run_train(settings(data={"path": str(tmp_path / "dataset")}), tmp_path, quiet())


@pytest.mark.parametrize("changes,words", [
    ({"data": {"path": ""}}, "config.data.path is empty"),
    ({"data": {"path": "/nowhere"}}, "/nowhere does not exist"),
    ({"data": {"labels": ("no_change",)}}, "0 examples with 0 tokens to learn"),
    ({"data": {"row_length": 16}}, "'too_long': 64"),
    ({"data": {"row_length": 1024}}, "made for 512 positions"),
    ({"model": "smollm3"}, "smollm3"),
    ({"mesh": {"tensor": 3}}, "mesh.tensor=3"),
    ({"frozen": ("nothing",)}, "matches no parameter"),
    ({"lora": {"rank": 2, "targets": ("knee",)}}, "knee"),
    ({"remat": "sometimes"}, "remat is 'sometimes'"),
])
def test_bad_input_names_what_to_change(settings, quiet, tmp_path, changes, words):
  with pytest.raises(ConfigError) as error:
    train.run_train(settings(**changes), tmp_path, quiet())
  assert words in str(error.value) and "\n" not in str(error.value)
