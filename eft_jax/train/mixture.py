"""What is mixed: how many copies of each row an epoch holds, from labels, caps per task and weights."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterable

from eft_jax.core.settings import ConfigError
from eft_jax.finch import Row
from eft_jax.train.settings import DataSettings, weights


def copies(rows: Iterable[Row], settings: DataSettings, dropped: collections.Counter | None = None) -> list[int]:
  """Copies of each row in one epoch; it depends on nothing but the rows and the settings.

  A row of weight w (that of its label times that of its domain) has floor(w) copies, and one more with probability
  w - floor(w), drawn by the hash of its instance_uid. Of each task and label the `per_task` rows of the smallest hash
  stay; the cap comes before the weights.

  Args:
    dropped: counts the rows without a copy, by reason: label, over_cap, weight.

  Raises:
    ConfigError: a weight for a domain that no row has.
  """
  dropped = collections.Counter() if dropped is None else dropped
  by_label, by_domain = weights(settings.label_weights), weights(settings.domain_weights)
  light = [(row.domain, row.task, row.improvement_label, row.instance_uid) for row in rows]
  if missing := set(by_domain) - {domain for domain, *_ in light}:
    raise ConfigError(f"data.domain_weights names {', '.join(sorted(missing))}, of which there are no rows; there are "
                      f"{', '.join(sorted({domain for domain, *_ in light}))}.")
  capped = _over_cap(light, settings.per_task)
  found = []
  for place, (domain, _, label, uid) in enumerate(light):
    weight = by_label.get(label, 1.0) * by_domain.get(domain, 1.0)
    count = int(weight) + (_hash("mixture", uid) < weight - int(weight))
    reason = "label" if label not in settings.labels else "over_cap" if place in capped else "weight"
    if reason != "weight" or not count:
      dropped[reason] += 1
      count = 0
    found.append(count)
  return found


def _over_cap(light: list[tuple[str, str, str, str]], per_task: int) -> set[int]:
  """Places of the rows beyond the cap of their task and label."""
  groups = collections.defaultdict(list)
  for place, (_, task, label, uid) in enumerate(light if per_task else ()):
    groups[task, label].append((_hash("cap", uid), place))
  return {place for group in groups.values() for _, place in sorted(group)[per_task:]}


def _hash(purpose: str, uid: str) -> float:
  """A number in [0, 1)."""
  digest = hashlib.sha256(f"{purpose}\0{uid}".encode("utf-8", "surrogatepass")).digest()
  return int.from_bytes(digest[:8], "big") / 2**64
