"""From attempts to comparable numbers: one row per model, task and seed, then one summary per model."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from eft_jax import core
from eft_jax.evaluate import statistics


@dataclasses.dataclass(frozen=True)
class Result:
  """What one model did on one task with one seed.

  Attributes:
    replies: attempts with a proposer's reply (without step 0 and `infra`).
    valid: replies whose edit applied, parses and changed the program. `improved`: replies that beat their parent.
    best_value, best_score: of all attempts including the seed program; score is the task's common score.
    curve: best common score after 0, 1, ... replies [replies + 1].
    outcomes: how often each outcome occurred among the replies.
  """

  model: str
  task: str
  seed: int
  replies: int
  valid: int
  improved: int
  initial_score: float
  best_value: float | None
  best_score: float
  curve: tuple[float, ...]
  outcomes: dict[str, int]


def measure(model: str, task: core.Task, seed: int, attempts: Iterable[core.Attempt]) -> Result:
  """Folds one run's attempts, in step order, into a Result."""
  latest = {attempt.step: attempt for attempt in attempts}
  values = {step: attempt.value for step, attempt in latest.items()}
  best_value, curve, outcomes = values.get(0), [], collections.Counter()
  curve.append(task.score(best_value))
  valid = improved = 0
  for step in sorted(latest):
    attempt = latest[step]
    if step == 0 or attempt.outcome is core.Outcome.INFRA:
      continue
    outcomes[attempt.outcome.value] += 1
    valid += attempt.outcome in core.APPLIED
    parent = values.get(attempt.parent)
    improved += attempt.ok and (parent is None or task.better(attempt.value, parent))
    if attempt.ok and (best_value is None or task.better(attempt.value, best_value)):
      best_value = attempt.value
    curve.append(task.score(best_value))
  return Result(model, task.name, seed, len(curve) - 1, valid, improved, curve[0], best_value, curve[-1], tuple(curve),
                dict(sorted(outcomes.items())))


@dataclasses.dataclass(frozen=True)
class ModelSummary:
  """One model over all tasks and seeds, with 95 % intervals."""

  model: str
  valid_rate: statistics.Interval
  improved_rate: statistics.Interval
  mean_best_score: statistics.Interval
  median_best_score: statistics.Interval


def summarize(model: str, results: Sequence[Result], seed: int = 0) -> ModelSummary:
  """Shares over all replies (Wilson), best scores over task-seed pairs (bootstrap)."""
  mine = [result for result in results if result.model == model]
  replies = sum(result.replies for result in mine)
  scores = [result.best_score for result in mine]
  return ModelSummary(
      model,
      statistics.wilson(sum(result.valid for result in mine), replies),
      statistics.wilson(sum(result.improved for result in mine), replies),
      statistics.bootstrap(scores, np.mean, seed=seed),
      statistics.bootstrap(scores, np.median, seed=seed))


def gain(base: str, other: str, results: Sequence[Result], seed: int = 0) -> statistics.Interval:
  """Mean gain in best common score of `other` over `base`, paired by task and seed."""
  scores = {(result.model, result.task, result.seed): result.best_score for result in results}
  pairs = sorted({(task, run) for model, task, run in scores if model == base})
  return statistics.paired_difference([scores[base, *pair] for pair in pairs], [scores[other, *pair] for pair in pairs],
                                      seed=seed)


def table(results: Sequence[Result], models: Sequence[str]) -> str:
  """A plain-text table: one line per task and model, then the summaries and the gain of each model over the first."""
  lines = [f"{'task':<28} {'model':<8} {'replies':>7} {'valid':>7} {'better':>7} {'best value':>14} {'best score':>10} "
           f"{'(start)':>8}"]
  for task in sorted({result.task for result in results}):
    for model in models:
      mine = [result for result in results if (result.model, result.task) == (model, task)]
      replies = sum(result.replies for result in mine)
      best = max(mine, key=lambda result: result.best_score)
      lines.append(
          f"{task:<28} {model:<8} {replies:>7} {_share(mine, 'valid', replies):>7} "
          f"{_share(mine, 'improved', replies):>7} {_value(best.best_value):>14} "
          f"{_score(np.mean([result.best_score for result in mine])):>10} {_score(mine[0].initial_score):>8}")
  lines.append("")
  for model in models:
    summary = summarize(model, results)
    lines.append(f"{model:<8} valid edits {summary.valid_rate} of {summary.valid_rate.count} replies   "
                 f"better than parent {summary.improved_rate}")
    lines.append(f"{'':<8} best score, mean {summary.mean_best_score}   median {summary.median_best_score}   "
                 f"over {summary.mean_best_score.count} runs")
  for model in models[1:]:
    lines.append(f"{model} - {models[0]}: mean gain in best score {gain(models[0], model, results)} "
                 "(paired bootstrap, 95 %)")
  return "\n".join(lines)


def _share(results: Sequence[Result], name: str, replies: int) -> str:
  return f"{sum(getattr(result, name) for result in results) / replies:.2f}" if replies else "-"


def _score(score: float) -> str:
  return f"{round(score, 4) + 0.0:.4f}"


def _value(value: float | None) -> str:
  return "-" if value is None else f"{value:.8g}"


def as_json(results: Sequence[Result], models: Sequence[str]) -> dict[str, Any]:
  """What summary.json of an evaluation holds: one object per model and task, and the summaries."""
  per_task = {}
  for result in results:
    entry = per_task.setdefault(result.model, {}).setdefault(result.task, {"runs": []})
    entry["runs"].append(dataclasses.asdict(result))
  for tasks in per_task.values():
    for entry in tasks.values():
      runs = entry["runs"]
      entry.update(
          replies=sum(run["replies"] for run in runs), valid=sum(run["valid"] for run in runs),
          improved=sum(run["improved"] for run in runs),
          mean_best_score=float(np.mean([run["best_score"] for run in runs])),
          median_best_score=float(np.median([run["best_score"] for run in runs])))
  return {
      "models": per_task,
      "summaries": {model: dataclasses.asdict(summarize(model, results)) for model in models},
      "gain_over_" + models[0]: {model: dataclasses.asdict(gain(models[0], model, results)) for model in models[1:]},
  }
