"""The comparison from settings to table, with proposers that need no model; bad input is one clear line."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from eft_jax import evaluate
from eft_jax.core import Response
from eft_jax.core.settings import ConfigError
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import make, scripted

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Silent:
  """A model that never edits."""

  name = "silent"

  def propose(self, requests):
    return [Response("I would rather not.") for _ in requests]


class Quiet:
  """Progress that keeps what was said."""

  def __init__(self):
    self.lines = []

  def __call__(self, *args, **kwargs):
    pass

  def say(self, text):
    self.lines.append(text)


@pytest.fixture
def proposers(monkeypatch):
  """Models 'nothing' and 'script' answer without weights; returns the list of those that were made."""
  made = []
  def proposer(settings):
    made.append(settings.server.model)
    return {"nothing": Silent, "script": scripted.Scripted}[settings.server.model]()
  monkeypatch.setattr(make, "proposer", proposer)
  return made


def test_comparison_end_to_end_and_again(tmp_path, proposers):
  settings = evaluate.EvaluateSettings(models="base=nothing,eft=script", tasks="circle_packing_26,erdos_min_overlap",
                                       steps=16, batch=8, repeats=2, prompt=PromptSettings(profile="compact"))
  results = evaluate.run_evaluate(settings, tmp_path, Quiet())
  base, eft = results["models"]["base"], results["models"]["eft"]
  assert base["circle_packing_26"]["replies"] == 32 and base["circle_packing_26"]["valid"] == 0
  assert eft["circle_packing_26"]["valid"] == 32 and eft["circle_packing_26"]["improved"] > 0
  assert results["gain_over_base"]["eft"]["estimate"] > 0
  assert base["erdos_min_overlap"]["runs"][0]["outcomes"] == {"no_edit": 16}
  assert pathlib.Path(results["picture"]).stat().st_size > 10_000
  assert proposers == ["nothing", "script"]
  again = evaluate.run_evaluate(settings, tmp_path, Quiet())
  assert json.dumps(again, sort_keys=True) == json.dumps(results, sort_keys=True)


@pytest.mark.parametrize("changes, message", [
    (dict(models="smollm2_135m"), "expected different NAME=MODEL"),
    (dict(models="a=x,a=y"), "expected different NAME=MODEL"),
    (dict(models="a="), "expected different NAME=MODEL"),
    (dict(tasks="circle_packing_26,circle_packing_26"), "different names"),
    (dict(tasks=""), "different names"),
    (dict(repeats=0), "repeats is 0"),
    (dict(steps=30), "multiple of config.batch"),
])
def test_impossible_settings(changes, message):
  with pytest.raises(ConfigError, match=message):
    evaluate.EvaluateSettings(**changes)


def test_unknown_task_is_one_line(tmp_path, proposers):
  with pytest.raises(ConfigError, match="Unknown task 'circle_packing_27'"):
    evaluate.run_evaluate(evaluate.EvaluateSettings(tasks="circle_packing_27"), tmp_path, Quiet())
  assert not proposers


@pytest.mark.slow
@pytest.mark.parametrize("flag, words", [
    ("--config.models=base=no/such/model", "no/such/model"),
    ("--config.models=base=http://127.0.0.1:9", "No healthy server at http://127.0.0.1:9"),
    ("--config.taskz=x", "taskz"),
    ("--config.steps=many", "many"),
])
def test_command_line_errors(tmp_path, flag, words):
  done = subprocess.run([sys.executable, ROOT / "launch/evaluate.py", f"--config={ROOT}/configs/evaluate.py", flag,
                         f"--workdir={tmp_path}"], capture_output=True, text=True, timeout=120,
                        env={**os.environ, "JAX_PLATFORMS": "cpu"})
  lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
  assert done.returncode == 2 and len(lines) == 1 and words in lines[0], done.stderr
  assert "Traceback" not in done.stderr
