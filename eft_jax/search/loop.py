"""The search loop: a logical clock that makes one trace out of any number of workers.

Batches are chosen, proposed, evaluated and admitted. Choosing batch b happens exactly when batch b - lag has been
admitted and before the next one is; admission is in step order. In between, replies and evaluations may come in any
order. A batch is one transaction of the store before it counts; resuming is folding the stored attempts again, which
brings back the very state from which the batches under way had been chosen.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import pathlib
import platform
import queue
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from eft_jax import foreign, sandbox
from eft_jax import store as store_lib
from eft_jax.core import Attempt, Outcome, Program, Response, Task
from eft_jax.core.settings import ConfigError, to_dict
from eft_jax.search import archives, asking, budget, edits, keys, known, options, prompts, report
from eft_jax.search.proposers import Proposer, ProposerError, Request, ensemble, make
from eft_jax.search.settings import SearchSettings, identify
from eft_jax.search.steps import Recorder, Step

BACKOFF = 0.5           # seconds before the first retry; doubles
PREVIOUS_CACHE = 16     # constructions kept in memory, of up to 8 MB each


After = Callable[[int, Task, store_lib.Store], None]


class Progress(Protocol):
  """Of launch/common.py."""

  def __call__(self, done: int, total: int, unit: str = "step", text: str = "", force: bool = False) -> None: ...
  def say(self, text: str) -> None: ...


def run_search(settings: SearchSettings, workdir: str | pathlib.Path, progress: Progress,
               proposer: Proposer | None = None, *, evaluate_pool: Any = None,
               tasks_root: pathlib.Path | None = None, after: After | None = None) -> dict[str, Any]:
  """Runs a search, or goes on with the one that `workdir` holds, until `settings.steps` steps are stored.

  Args:
    proposer: used as it is where given, else made from the settings.
    evaluate_pool: a sandbox.Evaluator; used as it is where given, else made from the settings. One that was made from
      the same sandbox settings has the same key of hidden seeds, and the run the same id.
    tasks_root: folder that holds the task, else the project's.
    after: called with the number of each batch that is stored, in order, before any batch that sees it is chosen. Where
      a run goes on, that is each of the batches stored before as well.

  Returns:
    steps, attempts, best_value, best_score, initial_score, outcomes, best_program, curve, ...: see Report.results.

  Raises:
    ConfigError: unknown task, another run's folder, a seed program that is not valid, no server, or a step that failed
      again and again for reasons outside its program. What was stored before is kept.
  """
  workdir = pathlib.Path(workdir)
  task = foreign.load(settings.task, settings.foreign, settings.sandbox, progress.say, tasks_root)
  settings = options.fill(settings, task, progress.say)
  with contextlib.ExitStack() as stack:
    if proposer is None:
      proposer = make.proposer(settings)
      stack.callback(getattr(proposer, "close", lambda: None))
    own = evaluate_pool is None or getattr(evaluate_pool, "settings", None) == settings.sandbox
    run, secret = identify(settings, proposer.name, own)
    store = stack.enter_context(_open_store(settings, task, workdir, run, secret, proposer.name))
    result = report.Report(task, workdir)
    stack.callback(result.close)
    pool = evaluate_pool or stack.enter_context(
        sandbox.make_pool(settings.evaluator, settings.workers, settings.sandbox, tasks_root))
    search = _Search(settings, task, store, pool, proposer, run, result, progress, after)
    stack.callback(search.close)
    search.run()
    return result.results(store.count())


def _open_store(settings: SearchSettings, task: Task, workdir: pathlib.Path, run: str, secret: str,
                proposer: str) -> store_lib.Store:
  """Opens or makes DIR/attempts.db; a store of another run, key or task version is refused."""
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise ConfigError(f"The work directory {workdir} cannot be used: {error}.") from error
  config = to_dict(settings)
  config["sandbox"]["secret"] = ""
  info = {"run": run, "config": config, "seed": settings.seed, "secret": secret, "task_version": task.version,
          "reference": task.reference,
          "proposer": proposer, "versions": {"python": platform.python_version(), "numpy": np.__version__}}
  store = store_lib.Store(workdir / store_lib.FILE_NAME, run_info=info)
  have = store.info()
  for name, meaning in (("secret", "another key of hidden seeds"), ("task_version", f"another version of {task.name}"),
                        ("proposer", "another proposer"), ("run", "another configuration")):
    if have.get(name) != info[name]:
      store.close()
      raise ConfigError(f"{store.path} holds a run with {meaning} ({name} {have.get(name)!r}, now {info[name]!r}): use "
                        "another --workdir.")
  return store


class _Search:
  """The state of one run. Everything but `_answer` runs on the caller's thread."""

  def __init__(self, settings: SearchSettings, task: Task, store: store_lib.Store, pool: Any, proposer: Proposer,
               run: str, result: report.Report, progress: Progress, after: After | None):
    self._settings, self._task, self._store, self._pool = settings, task, store, pool
    self._report, self._progress, self._after = result, progress, after
    self._arms = make.arms(proposer, settings)
    self._chooser = ensemble.Chooser(self._arms, settings.ensemble_choice)
    calls = settings.lag * (settings.batch // settings.group_size)
    self._asking = asking.Asking(calls, self._answer, lambda error: self._events.put(lambda: _raise(error)))
    self._archive = archives.make(settings.archive)
    own = getattr(proposer, "count_tokens", None)
    self._count_tokens = own if own and not settings.prompt.tokenizer else prompts.counter(settings.prompt.tokenizer)
    self._batches: dict[int, list[Step]] = {}
    self._known = known.Known(settings.previous)
    self._budget = budget.Budget(settings.budget)
    self._recorder = Recorder(settings, task, run, self._archive)
    self._events: queue.SimpleQueue = queue.SimpleQueue()
    self._timers: list[tuple[float, int, Callable[[], None]]] = []
    self._ticket = itertools.count()
    self._last = settings.steps // settings.batch
    self._stored = store.last_batch()
    self._retries = store.retries()
    self._construction = functools.lru_cache(maxsize=PREVIOUS_CACHE)(store.construction)

  def run(self) -> None:
    """Replays what is stored, then goes on."""
    self._replay()
    if self._stored < 0:
      self._start_seed()
    admitted = max(self._stored, -1)
    while self._batches:
      self._next_event()()
      while (batch := self._batches.get(admitted + 1)) and all(step.done for step in batch):
        self._admit(self._batches.pop(admitted + 1))
        admitted += 1
        self._open_after(admitted)
    self._report.stopped_by = self._budget.spent if admitted < self._last else "steps"
    self._progress(self._report.steps, self._settings.steps, text=self._report.text())

  def close(self) -> None:
    self._asking.close()

  # The clock.

  def _replay(self) -> None:
    """Folds the stored attempts; opens the batches that were chosen from states passed on the way."""
    batch = 0
    for attempt in self._store.read():
      if attempt.outcome is not Outcome.INFRA and attempt.batch > batch:
        self._open_after(batch)
        batch = attempt.batch
      if attempt.program is not None and attempt.outcome not in (Outcome.INFRA, Outcome.DUPLICATE, Outcome.SYNTAX):
        start = functools.partial(self._store.start_of, attempt.parent)
        self._known.add(self._known.key(attempt.program, start), attempt.step)
      self._fold(attempt, live=False)
    if self._stored >= 0:
      self._check_seed()
      self._open_after(batch)
      self._progress.say(f"going on after step {self._report.steps}: {self._report.text()}")

  def _open_after(self, admitted: int) -> None:
    """Opens the batches that see batches <= admitted and no later one: see the module and SearchSettings."""
    if admitted == 0:
      self._check_seed()
    if self._after is not None:
      self._after(admitted, self._task, self._store)
    if self._budget.spent:
      return
    for number in range(1, self._settings.lag + 1) if admitted == 0 else (admitted + self._settings.lag,):
      if self._stored < number <= self._last:
        self._open(number)

  def _open(self, number: int) -> None:
    """Chooses the parents of a batch and asks for its replies."""
    settings = self._settings
    size, groups = settings.group_size, settings.batch // settings.group_size
    choices = self._archive.choose(keys.fold(settings.seed, "batch", number), number - 1, groups)
    batch, chosen = [], []
    for index in range(settings.batch):
      step = (number - 1) * settings.batch + index + 1
      share = keys.Draw(settings.seed, "edit", step).uniform()
      edit = prompts.edit_kind(settings.prompt, choices[index // size], share)
      made = Step(step, number, index // size, index % size, edit, keys.fold(settings.seed, "reply", step),
                   self._archive.digest, choices[index // size], retry=self._retries.get(step, 0))
      made.arm = self._arms[self._chooser.choose(keys.fold(settings.seed, "arm", step), chosen)]
      chosen.append(self._arms.index(made.arm))
      same = batch[-1] if batch and batch[-1].group == made.group and batch[-1].edit == edit else None
      self._show(made, same)
      batch.append(made)
    self._batches[number] = batch
    self._ask([step for step in batch if not step.done])

  def _show(self, step: Step, same: Step | None) -> None:
    """Builds the prompt, or takes that of a reply to the same parent."""
    if same is not None:
      step.built, step.outcome, step.message = same.built, same.outcome, same.message
      return
    profile, budget = self._settings.prompt.profile, self._settings.prompt.budget
    try:
      step.built = prompts.compose(self._task, step.choice, profile, step.edit, self._count_tokens, budget)
    except prompts.TooLong as error:
      step.outcome, step.message = Outcome.TOO_LONG, str(error)

  # Replies.

  def _ask(self, steps: Sequence[Step]) -> None:
    if not steps:
      self._events.put(lambda: None)
      return
    for arm in self._arms:
      asked = [step for step in steps if step.arm is arm]
      by_group = getattr(arm.proposer, "by_group", False)
      for _, call in itertools.groupby(asked, lambda step, apart=by_group: step.group if apart else 0):
        self._asking.ask(arm, list(call))

  def _answer(self, arm: ensemble.Arm, steps: Sequence[Step]) -> None:
    """On a thread of the arm: prompts in, replies out."""
    requests = [Request(step.built.prompt, step.seed, step.edit, arm.sampling) for step in steps]
    start = time.monotonic()
    try:
      responses = arm.proposer.propose(requests)
      seconds = (time.monotonic() - start) / len(steps)
      self._events.put(functools.partial(self._replied, steps, responses, seconds))
    except ProposerError as error:
      self._events.put(functools.partial(self._failed, steps, str(error), self._ask, error.wait))

  def _replied(self, steps: Sequence[Step], responses: Sequence[Response], seconds: float) -> None:
    aborted = [step for step, response in zip(steps, responses, strict=True) if response.finish == "abort"]
    for step, response in zip(steps, responses, strict=True):
      if response.finish != "abort":
        step.response, step.propose_seconds = response, seconds
        self._apply(step)
    if aborted:
      self._failed(aborted, "The server aborted the reply.", self._ask)

  def _apply(self, step: Step) -> None:
    """From reply to child; a child that is new is evaluated."""
    response = step.response
    edited = edits.apply(step.parent.program.source, response.text, step.edit, self._task.language,
                         finish=response.finish, max_chars=self._settings.max_program_chars)
    if edited.outcome is not None:
      step.outcome, step.message = edited.outcome, edited.message
      step.program = None if edited.source is None else Program(edited.source, self._task.language)  # does not parse
      return
    step.message = edited.message  # a note
    step.program = Program(edited.source, self._task.language)
    step.key = self._known.key(step.program, step.choice.parent.construction)
    if self._known.claim(step.key, step.step):
      self._evaluate([step])
    else:
      step.outcome = Outcome.DUPLICATE  # `_admit` says of which

  # Evaluations.

  def _start_seed(self) -> None:
    seed = Step(0, 0, 0, 0, "seed", 0, program=self._task.seed_program, retry=self._retries.get(0, 0))
    seed.key = self._known.key(seed.program, None)
    self._batches[0] = [seed]
    self._evaluate([seed])

  def _evaluate(self, steps: Sequence[Step]) -> None:
    for step in steps:
      start = step.choice.parent.construction if step.choice and self._settings.previous else None
      if self._settings.fidelity != "cascade":
        step.fidelity = self._settings.fidelity
      future = self._pool.submit(self._task.reference, step.program, fidelity=step.fidelity,
                                 previous=None if start is None else self._construction(start))
      future.add_done_callback(lambda done, step=step: self._events.put(lambda: self._evaluated(step, done)))

  def _evaluated(self, step: Step, future: Any) -> None:
    evaluation = future.result()
    if evaluation.outcome is Outcome.INFRA:
      self._failed([step], evaluation.message, self._evaluate)
    elif self._settings.fidelity == "cascade" and step.fidelity == "search" and self._passes(step, evaluation):
      step.gate, step.fidelity = evaluation, "full"
      self._evaluate([step])
    else:
      step.evaluation = evaluation

  def _passes(self, step: Step, evaluation: Any) -> bool:
    """Whether the cheap evaluation earns the full one: a score near the parent's there, or above."""
    if step.choice is None or not evaluation.ok:
      return evaluation.ok
    reached = step.choice.parent.metrics.get("search_score", 0.0)
    return evaluation.score >= reached - self._settings.cascade_slack

  # Failures of machine and server.

  def _failed(self, steps: Sequence[Step], message: str, again: Callable[[Sequence[Step]], None],
              wait: float = 0.0) -> None:
    """Records an infra failure of each step and tries again later; stops the run when it was one too many."""
    failed = [self._recorder.attempt(step, Outcome.INFRA, message) for step in steps]
    self._store.append(failed)
    for step, attempt in zip(steps, failed, strict=True):
      self._count(attempt)
      step.retry += 1
      step.failures += 1
    worst = max(step.failures for step in steps)
    if worst > self._settings.retries:
      raise ConfigError(f"Step {steps[0].step} failed {worst} times for reasons outside its program: {message} "
                        "Everything before is stored; the same command continues.")
    wait = max(wait, BACKOFF * 2 ** (worst - 1))
    self._progress.say(f"step {steps[0].step}: {message} Trying again in {wait:g} s.")
    heapq.heappush(self._timers, (time.monotonic() + wait, next(self._ticket), functools.partial(again, steps)))

  def _next_event(self) -> Callable[[], None]:
    """What happened next: a reply, an evaluation, or a retry that is due."""
    while True:
      wait = None
      if self._timers:
        wait = self._timers[0][0] - time.monotonic()
        if wait <= 0:
          return heapq.heappop(self._timers)[2]
      try:
        return self._events.get(timeout=wait)
      except queue.Empty:
        continue

  # Admission.

  def _admit(self, batch: Sequence[Step]) -> None:
    """Stores a whole batch, then counts it."""
    constructions: dict[str, np.ndarray] = {}
    attempts: dict[int, Attempt] = {}
    for step in batch:
      earlier = self._known.find(step.key) if step.key else None
      if earlier is not None:
        found = attempts[earlier] if earlier in attempts else self._store.get(earlier)
        attempts[step.step] = self._recorder.duplicate(step, found)
      else:
        attempts[step.step] = self._recorder.finished(step, constructions)
      if step.key:
        self._known.add(step.key, step.step)
    self._store.append(list(attempts.values()), constructions)
    for attempt in attempts.values():
      self._fold(attempt)
    self._progress(self._report.steps, self._settings.steps, text=self._report.text())

  def _fold(self, attempt: Attempt, live: bool = True) -> None:
    """Takes in a stored attempt."""
    self._archive.add(attempt)
    self._chooser.add(attempt)
    self._count(attempt, live)

  def _count(self, attempt: Attempt, live: bool = True) -> None:
    top = "search" if self._settings.fidelity == "search" else "full"
    self._budget.add(attempt, attempt.ok and attempt.fidelity == top)
    self._report.add(attempt, live, attempt.ok and attempt.fidelity == top)

  def _check_seed(self) -> None:
    seed = self._report.initial
    if seed is not None and not seed.ok:
      raise ConfigError(f"The seed program of {self._task.name} is {seed.outcome}: {seed.message or 'no message'}")


def _raise(error: BaseException) -> None:
  raise error
