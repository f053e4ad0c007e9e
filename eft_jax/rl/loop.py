"""Test-time RL, in reading order: a policy, a way to publish its weights, a search whose every batch teaches it."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Callable
from typing import Any

from eft_jax import store as store_lib
from eft_jax.core import Outcome, Task
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError
from eft_jax.rl import publishing, rollouts
from eft_jax.rl.policy import Policy
from eft_jax.rl.settings import RlSettings
from eft_jax.search import loop as search_loop
from eft_jax.serve import Client, Embedded
from eft_jax.serve.engine import Engine
from eft_jax.train import metrics


def run_rl(settings: RlSettings, workdir: pathlib.Path, progress: Any, *, evaluate_pool: Any = None,
           tasks_root: pathlib.Path | None = None) -> dict[str, Any]:
  """Trains a policy on a task while it searches; the same call goes on with a stopped run, to the bit.

  Writes below workdir: attempts.db, checkpoints/, metrics.jsonl, and tensorboard/, weights/, export/ where settings say
  so. Each epoch's attempts are stored before they teach, so that a stop at any instant loses no rollout: those behind
  the newest checkpoint teach once more.

  Args:
    evaluate_pool, tasks_root: as for run_search.

  Returns:
    the results of run_search, and epochs, reward_first, reward_last, export.

  Raises:
    ConfigError: as of run_search; a model or server that does not fit; `patience` epochs with nothing to learn.
    NonFiniteUpdate: checkpoints before it stand.
    OSError: a checkpoint or folder of weights could not be written.
  """
  with contextlib.ExitStack() as stack:
    policy = Policy(settings, workdir, progress.say)
    stack.callback(policy.close)
    policy.resume()
    record = metrics.Writer(workdir, policy.version, settings.tensorboard, config=settings_lib.to_dict(settings))
    stack.callback(record.close)
    proposer = connect(settings, policy, workdir)
    stack.callback(proposer.close)
    learner = Learner(settings, policy, proposer, record, progress.say)
    results = search_loop.run_search(settings.search, workdir, progress, proposer, evaluate_pool=evaluate_pool,
                                     tasks_root=tasks_root, after=learner)
    policy.save(last=True)
    policy.finish()
    if settings.export:
      results["export"] = str(policy.write_weights(workdir / "export"))
  events = [event for event in metrics.read(workdir) if "reward_mean" in event]
  return results | {"epochs": policy.version, "updates": sum("loss" in event for event in events),
                    "reward_first": events[0]["reward_mean"] if events else None,
                    "reward_last": events[-1]["reward_mean"] if events else None}


def connect(settings: RlSettings, policy: Policy, workdir: pathlib.Path) -> publishing.Rollouts:
  """The proposer of the settings: an engine in this process, or a server.

  Raises:
    ConfigError: no healthy server, or one of another vocabulary.
  """
  rollout = settings.rollout
  name = f"rl:{pathlib.Path(settings.model).name}:{settings.identity}"
  if not rollout.url:
    # Groups ask at the same time: who decodes beside whom is up to chance, and must not show.
    engine = Engine(policy.config, policy.weights(), policy.tokenizer, slots=min(rollout.slots, settings.search.batch),
                    max_length=rollout.max_length, version=publishing.name_of(policy.version),
                    max_waiting=settings.search.batch, dtype=settings.compute_dtype, deterministic=True)
    client = Embedded(engine, settings.model)
    return publishing.Rollouts(client, policy, publishing.ToEngine(client), name, settings.groups, engine.close)
  client = Client(rollout.url, timeout=rollout.timeout)
  if not client.health():
    client.close()
    raise ConfigError(f"No healthy server at {rollout.url}: start one with `python launch/serve.py`, change "
                      "--config.rollout.url, or leave it empty for the engine in this process.")
  theirs = client.vocabulary()
  if theirs not in (None, policy.config.vocab_size):
    client.close()
    raise ConfigError(f"The server at {rollout.url} has a vocabulary of {theirs} tokens, config.model {settings.model} "
                      f"one of {policy.config.vocab_size}: it must serve that very model.")
  kind = publishing.AdapterToServer if rollout.sync == "adapter" else publishing.ToServer
  publisher = kind(client, workdir.absolute() / "weights", settings.keep_weights, rollout.tolerance)
  return publishing.Rollouts(client, policy, publisher, name, settings.groups, client.close)


class Learner:
  """Called with each epoch's number when its attempts are stored: makes the update, unless it was made before."""

  def __init__(self, settings: RlSettings, policy: Policy, proposer: publishing.Rollouts, record: metrics.Writer,
               say: Callable[[str], None]):
    self._settings, self._policy, self._proposer, self._record, self._say = settings, policy, proposer, record, say
    self._silent, self._since, self._saving = 0, time.monotonic(), 0.0

  def __call__(self, number: int, task: Task, store: store_lib.Store) -> None:
    if number <= self._policy.version:  # 0 is the seed program
      self._since = time.monotonic()
      return
    seconds = {"rollout_seconds": time.monotonic() - self._since - self._proposer.seconds,
               "publish_seconds": self._proposer.seconds}
    size = self._settings.search.batch
    attempts = [attempt for attempt in store.read(start_step=(number - 1) * size + 1)
                if attempt.batch == number and attempt.outcome is not Outcome.INFRA]
    epoch = rollouts.read(attempts, self._settings, task, store.get)
    start = time.monotonic()
    values = self._policy.update(epoch)
    seconds |= {"update_seconds": time.monotonic() - start, "checkpoint_seconds": self._saving}  # of the one before
    tokens = sum(attempt.response.tokens for attempt in attempts)
    best = {"best_score": max((attempt.score for attempt in attempts if attempt.ok), default=None)}
    self._record(number, **epoch.metrics(), **best, **values, **seconds, reply_tokens=tokens,
                 staleness=_staleness(attempts, number))
    self._say(f"epoch {number}: reward {epoch.mean:.4f}, best {epoch.best:.4f}, "
              f"{len(epoch.rollouts)} of {len(attempts)} rollouts teach"
              + (f", log-prob gap {values['logp_gap']:.2g}" if values else ""))
    start = time.monotonic()
    self._policy.save()  # after the record, which a run that goes on cuts back to its checkpoint
    self._saving = time.monotonic() - start
    self._watch(epoch)
    self._proposer.seconds, self._since = 0.0, time.monotonic()

  def _watch(self, epoch: rollouts.Epoch) -> None:
    """Says so where there is nothing to learn, and stops after `patience` such epochs."""
    if epoch.rollouts:
      self._silent = 0
      return
    self._silent += 1
    self._say(f"nothing to learn: {epoch.why_silent()}")
    if self._silent >= self._settings.patience:
      raise ConfigError(f"{self._silent} epochs in a row taught nothing: {epoch.why_silent()}. Look at the attempts, "
                        "change the task, reward or sampling in a new --workdir, or raise --config.patience to go on.")


def _staleness(attempts: list[Any], number: int) -> float | None:
  """Mean age, in updates, of the weights that wrote an epoch's replies; None where servers name no versions of ours."""
  ages = [number - 1 - version for attempt in attempts
          if (version := publishing.version_of(attempt.response.weight_version)) is not None]
  return sum(ages) / len(ages) if ages else None
