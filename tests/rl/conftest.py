"""A toy task, and a tiny model that has practised valid replies to it, each as often as any other."""

import jax
import numpy as np
import pytest

from eft_jax import core, models, rl, sandbox, text, train
from eft_jax.core import Attempt, Outcome, Response
from eft_jax.search import archives, prompts
from eft_jax.text import render
from eft_jax.train import batches, mesh, step

TASK = '''
from eft_jax import core

def evaluate(session):
  number = session.call("pick")
  if type(number) is not int or not 0 <= number <= 9:
    raise core.Invalid(f"pick returned {number!r}, expected 0 to 9")
  return core.Score(float(number))

TASKS = [core.Task(name="toy_pick", family="toy_pick", domain="systems", statement="Pick a number.", brief="Maximise.",
                   seed=SEED, entry="pick", direction="max", baseline=0.0, best_known=9.0, source="definition",
                   limits=core.Limits(cpu_seconds=1.0, wall_seconds=20.0), evaluate=evaluate)]
'''
SEED = "def pick():\n    return 4\n"
REPLIES = [f"<<<<<<< SEARCH\n    return 4\n=======\n    return {digit}\n>>>>>>> REPLACE" for digit in (1, 2, 5, 9)]


@pytest.fixture(scope="session")
def tasks_root(tmp_path_factory):
  root = tmp_path_factory.mktemp("tasks")
  (root / "held_out.txt").write_text("# none\n")
  folder = root / "systems" / "toy_pick"
  folder.mkdir(parents=True)
  (folder / "task.py").write_text(TASK.replace("SEED", repr(SEED)))
  (folder / "seed.py").write_text(SEED)
  return root


@pytest.fixture(scope="session")
def pool(tasks_root):
  with sandbox.Pool(2, sandbox.SandboxSettings(), tasks_root) as pool:
    yield pool


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory):
  """Every run compiles the same little programs: keep them on disk, for subprocesses too."""
  options = {"jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
             "jax_persistent_cache_min_compile_time_secs": 0, "jax_persistent_cache_min_entry_size_bytes": -1}
  before = {name: getattr(jax.config, name) for name in options}
  for name, value in options.items():
    jax.config.update(name, value)
  yield {name.upper(): str(value) for name, value in options.items()}
  for name, value in before.items():
    jax.config.update(name, value)


@pytest.fixture(scope="session")
def practised(tasks_root, tmp_path_factory, compile_cache):
  """Folder of a tiny byte-level model that answers the toy task's first prompt with one of REPLIES."""
  del compile_cache
  tokenizer = text.Tokenizer.bytes()
  config = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=264, model_dim=96, hidden_dim=256)
  task = core.load("toy_pick", tasks_root)
  seed = Attempt("r", 0, 0, 0, 0, task.name, task.family, task.version, Outcome.OK, value=4.0,
                 score=task.score(4.0), program=task.seed_program)
  prompt = prompts.compose(task, archives.Choice(seed), "compact", "diff").prompt
  made = [render.example(tokenizer, prompt, Response(reply)) for reply in REPLIES]
  length = max(len(tokens) for tokens, _ in made)
  column = lambda get, kind: np.array([np.pad(np.array(get(*x), kind), (0, length - len(x[0]))) for x in made])
  there = column(lambda tokens, mask: np.ones(len(tokens)), np.int32)
  batch = batches.Batch(column(lambda tokens, mask: tokens, np.int32), np.arange(length, dtype=np.int32) * there, there,
                        column(lambda tokens, mask: mask, bool), np.arange(1, 5, dtype=np.int32)[:, None])
  settings = train.TrainSettings(
      model="toy", data=train.DataSettings(row_length=length, batch_size=4, packing="none"), steps=200, remat="none",
      optimizer=train.OptimizerSettings(learning_rate=3e-3, warmup_steps=10))
  devices = mesh.make(settings.mesh)
  with jax.set_mesh(devices):
    design = step.design(settings, config, 200, devices)
    state, frozen = design.start(models.init(config, jax.random.key(0)))
    placed = mesh.place(devices, batch)
    for _ in range(200):
      state, out = design.train(state, frozen, placed)
  assert out["loss"] < 0.08, out
  params = jax.device_get(design.assemble(state.trainable, frozen))
  return models.export_hf(config, params, tmp_path_factory.mktemp("practised") / "model", tokenizer)


@pytest.fixture(scope="session")
def settings(practised):
  """settings(**changes): the toy task, groups of 8, all parameters, a few seconds for an epoch."""
  def make(**changes):
    base = dict(
        task="toy_pick", model=str(practised), epochs=3, groups=2, group_size=8, tensorboard=False, export=False,
        advantage=rl.AdvantageSettings(kind="rloo"), archive=archives.ArchiveSettings(kind="best_of_n", previous=0),
        rollout=rl.RolloutSettings(slots=16, max_length=512), row_length=512, packing="none", part=8, remat="none",
        sampling=rl.Sampling(temperature=1.0, top_p=1.0, max_new_tokens=80), lora=rl.LoraSettings(),
        optimizer=rl.OptimizerSettings(learning_rate=3e-4, schedule="constant", warmup_steps=0, clip_norm=1.0))
    return rl.RlSettings(**(base | changes))
  return make


class Quiet:
  """Stands in for the launcher's progress; keeps what it was told."""

  def __init__(self):
    self.said = []

  def __call__(self, done, total, unit="step", text="", force=False):
    pass

  def say(self, text):
    self.said.append(text)


@pytest.fixture
def quiet():
  return Quiet()
