"""Folders that a real server would not survive are recognised before it hears of them; good ones pass."""

import json
import re
import shutil

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from eft_jax import models
from eft_jax.serve import folders
from tests.serve import checkpoints


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("checkpoints")
  for name, seed, config in (("first", 0, checkpoints.CONFIG), ("second", 1, checkpoints.CONFIG),
                             ("wide", 0, checkpoints.WIDE)):
    checkpoints.write_one(folder / name, seed, config)
  for name, targets in (("adapter", checkpoints.TARGETS), ("head", models.lora.TARGETS), ("keys", ("k",)),
                        ("some", ("q", "v", "down"))):
    models.export_peft(checkpoints.CONFIG, checkpoints.adapters(3, targets), folder / name, str(folder / "first"))
  return folder


@pytest.fixture
def change(made, tmp_path):
  """change(name, file, edit): a copy of a folder with the tensors of a file edited."""
  def changed(name, edit, file="adapter_model.safetensors"):
    folder = tmp_path / "changed"
    shutil.copytree(made / name, folder, dirs_exist_ok=True)
    if file.endswith(".json"):
      (folder / file).write_text(json.dumps(edit(json.loads((folder / file).read_text()))))
    else:
      safetensors.numpy.save_file(edit(safetensors.numpy.load_file(folder / file)), folder / file)
    return folder
  return changed


def test_what_fits_has_no_fault(made):
  assert folders.checkpoint_fault(made / "second", made / "first", any_head=False) is None
  for name in ("adapter", "head", "some"):
    assert folders.adapter_fault(made / name, made / "first", fused=True) is None
  assert folders.adapter_fault(made / "keys", made / "first", fused=False) is None
  for served in (None, "smollm2_135m", "/no/such/folder"):  # unknown here: the server decides
    assert folders.checkpoint_fault(made / "wide", served, any_head=False) is None
    assert folders.adapter_fault(made / "adapter", served, fused=True) is None
  assert folders.checkpoint_fault("a_folder_of_the_servers_machine", made / "first", any_head=False) is None


def test_checkpoints_that_do_not_fit(made, change):
  fault = lambda folder, any_head=False: folders.checkpoint_fault(folder, made / "first", any_head)
  assert "hidden_size is 96, served 64" in fault(made / "wide")
  assert fault(made / "none") == "does not exist"
  file = "model.safetensors"
  lost = change("second", lambda t: {k: v for k, v in t.items() if "layers.1.mlp.up" not in k}, file)
  assert "layers.1.mlp.up_proj.weight has shape none, served (128, 64)" in fault(lost)
  wrong = change("second", lambda t: t | {"model.norm.weight": np.ones(65, np.float32)}, file)
  assert "model.norm.weight has shape (65,), served (64,)" in fault(wrong)
  head = change("second", lambda t: t | {"lm_head.weight": np.ones((259, 64), np.float32)}, file)
  assert "lm_head.weight has shape (259, 64), served none" in fault(head)
  assert fault(head, any_head=True) is None


def test_files_that_are_cut_off(made, change, tmp_path):
  folder = change("second", lambda t: t, "model.safetensors")
  whole = (folder / "model.safetensors").read_bytes()
  for part in (whole[:-1], whole[:200], whole[:5], b"", b"\xff" * 100, whole + b"more"):
    (folder / "model.safetensors").write_bytes(part)
    assert "is damaged" in folders.checkpoint_fault(folder, made / "first", any_head=False)
  (folder / "model.safetensors").unlink()
  assert "is damaged" in folders.checkpoint_fault(folder, made / "first", any_head=False)


def test_shards_are_read_by_their_index(made, tmp_path):
  config = checkpoints.CONFIG
  models.export_hf(config, checkpoints.params(1), tmp_path / "shards", shard_bytes=20_000)
  assert (tmp_path / "shards/model.safetensors.index.json").exists()
  assert folders.checkpoint_fault(tmp_path / "shards", made / "first", any_head=False) is None


Q = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize("edit, reason", [
    (lambda t: {k: v for k, v in t.items() if k != f"{Q}.lora_A.weight"}, f"has {Q}.lora_B.weight without {Q}.lora_A"),
    (lambda t: t | {f"{Q}.lora_A.weight": np.zeros((4, 65), np.float32)}, r"shape \[4, 65\], expected \[4, 64\]"),
    (lambda t: t | {f"{Q}.lora_B.weight": np.zeros((64, 5), np.float32)}, r"shape \[64, 5\], expected \[64, 4\]"),
    (lambda t: t | {f"{Q}.bias": np.zeros(4, np.float32)}, "a tensor that is no LoRA"),
    (lambda t: {k.replace("layers.1", "layers.7"): v for k, v in t.items()}, "layers.7.* which the served model"),
    (lambda t: {k: v * np.float32(np.nan) for k, v in t.items()}, "not finite"),
    (lambda t: {k: (v / np.float32(0)).astype(ml_dtypes.bfloat16) for k, v in t.items()}, "not finite"),
    (lambda t: {k: v.astype(np.int32) for k, v in t.items()}, "in I32, expected one of"),
    (lambda t: {}, "no tensors"),
])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_adapters_that_do_not_fit(made, change, edit, reason):
  fault = folders.adapter_fault(change("adapter", edit), made / "first", fused=True)
  assert fault and re.search(reason, fault), fault


def test_other_faults_of_adapters(made, change, tmp_path):
  fault = lambda folder, fused=True: folders.adapter_fault(folder, made / "first", fused)
  assert fault(tmp_path / "none") == "does not exist"
  assert "is no LoRA adapter" in fault(made / "first")
  assert "k_proj" in fault(made / "keys") and "without" in fault(made / "keys")
  file = folders.ADAPTER_CONFIG
  assert "expected [8, 128]" in fault(change("adapter", lambda c: c | {"r": 8}, file))
  assert "r None" in fault(change("adapter", lambda c: c | {"r": None}, file))
  cut = change("head", lambda t: t)
  (cut / folders.ADAPTER_WEIGHTS).write_bytes((cut / folders.ADAPTER_WEIGHTS).read_bytes()[:-3])
  assert "is damaged" in fault(cut)
  half = {k: v.astype(ml_dtypes.bfloat16) for k, v in safetensors.numpy.load_file(
      made / "adapter" / folders.ADAPTER_WEIGHTS).items()}
  assert fault(change("adapter", lambda t: half)) is None
