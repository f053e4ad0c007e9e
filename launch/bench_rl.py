"""Does test-time RL learn? The mean reward of its epochs beside that of a control, whose policy stays as it is.

  python launch/bench_rl.py --config=configs/ttt_cpu.py --model=runs/quickstart/train/export --seeds=3 --out=bench_rl

Both make the same number of rollouts with the same search; only the updates differ (config.learn). A run's gain is its
mean reward over the second half of its epochs less that of its seed's control; seeds are the independent units, and the
interval is Student's. Prints a table, and writes FOLDER/bench_rl.json and FOLDER/bench_rl.png. Runs that FOLDER holds
already are not repeated; a stopped one goes on. Further keys: --set=config.task=NAME,config.epochs=20
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np
from absl import flags

from eft_jax.core.settings import ConfigError
from eft_jax.evaluate.statistics import student
from eft_jax.train import metrics
from launch import common

_CONFIG = flags.DEFINE_string("config", "configs/ttt_cpu.py", "Configuration file of the runs.")
_MODEL = flags.DEFINE_string("model", None, "As --config.model of launch/rl.py.", required=True)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Runs with and without learning.", lower_bound=2)
_SET = flags.DEFINE_list("set", [], "Keys of the runs, as config.KEY=VALUE.")
_OUT = flags.DEFINE_string("out", None, "Folder for the runs, bench_rl.json and bench_rl.png.", required=True)

ARMS = {"learns": True, "control": False}


def one(arm: str, seed: int, folder: pathlib.Path) -> dict[str, list[float]]:
  """Numbers by epoch of one run."""
  workdir = folder / f"{arm}-{seed}"
  if not (workdir / "summary.json").exists():
    command = [sys.executable, str(common.ROOT / "launch" / "rl.py"), f"--config={_CONFIG.value}",
               f"--config.model={_MODEL.value}", f"--config.seed={seed}", f"--config.learn={ARMS[arm]}",
               "--config.export=False", *(f"--{item}" for item in _SET.value), f"--workdir={workdir}"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
      raise ConfigError(f"{workdir} ended with {done.returncode}: {done.stderr.strip().splitlines()[-1]}")
  events = metrics.read(workdir)
  names = ("reward_mean", "best_score", "share_ok", "logp_gap", "rollout_seconds", "publish_seconds", "update_seconds",
           "checkpoint_seconds", "reply_tokens")
  return {name: [event.get(name, np.nan) for event in events] for name in names}


def gain(learns: dict[str, list[float]], control: dict[str, list[float]], name: str) -> float:
  """Mean over the second half of the epochs, less the control's."""
  half = len(learns[name]) // 2
  return float(np.mean(learns[name][half:]) - np.mean(control[name][half:]))


def draw(runs: dict[str, list[dict[str, list[float]]]], path: pathlib.Path) -> None:
  """Mean (line) and range over seeds (band) by epoch."""
  import matplotlib
  matplotlib.use("Agg")
  from matplotlib import pyplot
  names = {"reward_mean": "mean reward of an epoch", "share_ok": "share of new, valid programs"}
  figure, axes = pyplot.subplots(1, len(names), figsize=(5.2 * len(names), 3.8))
  for axis, (name, label) in zip(axes, names.items(), strict=True):
    for index, (arm, found) in enumerate(runs.items()):
      stack = np.array([run[name] for run in found])
      epochs = np.arange(1, stack.shape[1] + 1)
      axis.plot(epochs, stack.mean(0), color=f"C{index}", linestyle=("-", "--")[index], linewidth=2, label=arm)
      axis.fill_between(epochs, stack.min(0), stack.max(0), color=f"C{index}", alpha=0.15)
    axis.set_xlabel("epoch")
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)
  axes[0].legend(frameon=False)
  figure.tight_layout()
  figure.savefig(path, dpi=120)
  pyplot.close(figure)


def main() -> None:
  common.parse()
  folder = pathlib.Path(_OUT.value)
  folder.mkdir(parents=True, exist_ok=True)
  progress = common.Progress("bench_rl", every=0.0)
  runs: dict[str, list[Any]] = {arm: [] for arm in ARMS}
  for seed in range(_SEEDS.value):
    for arm in ARMS:
      runs[arm].append(one(arm, seed, folder))
      done = sum(map(len, runs.values()))
      progress(done, 2 * _SEEDS.value, "run", f"seed {seed}, {arm}: last reward {runs[arm][-1]['reward_mean'][-1]:.4f}")
  results: dict[str, Any] = {"runs": runs}
  print(f"{'seed':>4}  {'arm':<8}  {'first epoch':>11}  {'2nd half':>8}  {'best score':>10}  {'valid':>5}")
  for seed in range(_SEEDS.value):
    for arm, found in runs.items():
      run, half = found[seed], len(found[seed]["reward_mean"]) // 2
      print(f"{seed:>4}  {arm:<8}  {run['reward_mean'][0]:>11.4f}  {np.mean(run['reward_mean'][half:]):>8.4f}  "
            f"{np.nanmax(run['best_score']):>10.4f}  {np.mean(run['share_ok'][half:]):>5.0%}")
  for name, label in (("reward_mean", "mean reward"), ("share_ok", "share of new, valid programs")):
    gains = [gain(a, b, name) for a, b in zip(runs["learns"], runs["control"], strict=True)]
    results[f"gain_{name}"] = gains
    print(f"gain in {label}, second half of the epochs: {student(gains)} (95 % over {len(gains)} seeds)")
  times = [name for name in runs["learns"][0] if name.endswith("seconds")]
  split = {name: float(np.mean([np.mean(run[name][1:]) for run in runs["learns"]])) for name in times}
  results["seconds"] = split
  print("seconds of an epoch: " + ", ".join(f"{name[:-8]} {value:.1f}" for name, value in split.items()))
  draw(runs, folder / "bench_rl.png")
  common.write_json(folder / "bench_rl.json", results)


if __name__ == "__main__":
  try:
    main()
  except ConfigError as error:
    common.fail(error)
