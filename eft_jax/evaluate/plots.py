"""The picture of an evaluation: best common score so far against replies, one panel per task, one colour per model."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from eft_jax.evaluate.compare import Result


def curves(results: Sequence[Result], models: Sequence[str], path: pathlib.Path) -> pathlib.Path:
  """Draws mean (line) and range over seeds (band) of the best score so far; returns the path of the PNG."""
  import matplotlib  # here, because it takes a second and only this function draws
  matplotlib.use("Agg")
  from matplotlib import pyplot

  tasks = sorted({result.task for result in results})
  columns = min(3, len(tasks))
  rows = -(-len(tasks) // columns)
  figure, axes = pyplot.subplots(rows, columns, figsize=(4.6 * columns, 3.4 * rows), squeeze=False)
  for axis in axes.flat[len(tasks):]:
    axis.set_visible(False)
  for axis, task in zip(axes.flat, tasks, strict=False):
    for index, model in enumerate(models):
      runs = [result.curve for result in results if (result.model, result.task) == (model, task)]
      length = min(map(len, runs))
      stack = np.array([run[:length] for run in runs])  # [runs, replies + 1]
      axis.plot(stack.mean(0), color=f"C{index}", label=model, linewidth=2, drawstyle="steps-post",
                linestyle=("-", "--", ":", "-.")[index % 4])
      axis.fill_between(np.arange(length), stack.min(0), stack.max(0), color=f"C{index}", alpha=0.15, step="post")
    axis.set_title(task, fontsize=10)
    axis.set_xlabel("replies")
    axis.set_ylabel("best score so far")
    axis.grid(alpha=0.3)
  axes.flat[0].legend(frameon=False)
  figure.suptitle("Common score: 0 at the baseline, 1 at the best known value", fontsize=10)
  figure.tight_layout()
  figure.savefig(path, dpi=120)
  pyplot.close(figure)
  return path
