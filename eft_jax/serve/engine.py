"""The engine: a thread-safe queue of requests, and one thread that owns the device and decodes them in slots.

Requests that arrive together are decoded together, and a slot that becomes free takes the next in the queue. What a
request's tokens are depends on its prompt, its sampling parameters and its seed; its company can enter only through the
rounding of matrix products of another batch size, and with `deterministic` not at all. A list given to `generate` is
always composed the same way.
"""

from __future__ import annotations

import atexit
import collections
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eft_jax import models
from eft_jax.serve import finish, programs, thinking, weights, wire
from eft_jax.serve.adapters import Adapter, Adapters
from eft_jax.serve.requests import GenerateRequest, GenerateResult, QueueFull, RequestError, SamplingParams
from eft_jax.serve.slots import Job, Slots

logger = logging.getLogger(__name__)

PAUSE_MODES = ("abort", "retract", "in_place")


class Engine:
  """Decodes requests with a model in this process. Every method may be called from any thread.

  Args:
    params: of models.init or models.load, with or without LoRA adapters; copied.
    tokenizer: text.Tokenizer; None serves token ids only.
    slots: sequences decoded at a time.
    max_length: tokens of prompt and output together.
    dtype: of the parameters, the activations and the cache.
    version: name of these weights.
    max_waiting: requests that may wait for a slot; beyond, `submit` raises QueueFull.
    block: tokens per device call; stop strings, aborts and new requests are noticed between calls.
    gather_seconds: how long an idle engine waits for the company of a first request.
    seed: of the seeds drawn for requests that bring none.
    deterministic: tokens and log-probs are the same to the bit in any company, retractions included, for the same
      `slots` and `max_length` on the same machine. Every block then runs all slots, in use or not: free where they are
      full, and costly where few requests run at a time (choose fewer slots).
    max_lora_rank, max_loaded_loras: what `adapters.load` refuses beyond.

  Attributes:
    adapters: LoRA adapters by name, see `adapters.Adapters`. Requests of several adapters share the slots, and take
      turns: a block of tokens is decoded for the slots of one adapter, or of the base.
  """

  def __init__(
      self, config: models.ModelConfig, params: Any, tokenizer: Any = None, *, slots: int = 32, max_length: int = 2048,
      dtype: Any = jnp.float32, version: str = "default", max_waiting: int = 4096, block: int = 8,
      gather_seconds: float = 0.003, seed: int = 0, max_lora_rank: int = 64, max_loaded_loras: int = 16,
      deterministic: bool = False,
  ):
    self.config, self.tokenizer, self.dtype = config, tokenizer, jnp.dtype(dtype)
    self.max_length = min(max_length, config.max_length)
    self.limits = wire.Limits(config.vocab_size, self.max_length)
    self.slots, self.max_waiting, self.version = slots, max_waiting, version
    self._params = weights.prepare(config, params, self.dtype)
    self.adapters = Adapters(config, self.dtype, max_lora_rank, max_loaded_loras)
    stop_ids = frozenset(tokenizer.stop_ids if tokenizer else ())
    self._slots = Slots(config, self.dtype, slots, self.max_length, block, stop_ids, deterministic)
    self._gather_seconds, self._seeds = gather_seconds, random.Random(seed)
    self._changed = threading.Condition()  # guards what follows
    self._waiting: collections.deque[Job] = collections.deque()
    self._commands: collections.deque[tuple[Callable[[], Any], Future]] = collections.deque()
    self._rids: set[str] = set()
    self._paused = self._closed = False
    self.generated_tokens = 0
    self._thread = threading.Thread(target=self._run, name="eft_jax-engine", daemon=True)
    self._thread.start()
    atexit.register(self.close)

  def __enter__(self) -> Engine:
    return self

  def __exit__(self, *_: Any) -> None:
    self.close()

  # What callers use.

  def submit(self, requests: Sequence[GenerateRequest]) -> list[Future]:
    """Queues requests, next to each other; each future gives a GenerateResult.

    Raises:
      RequestError: a request that cannot be served; none is queued.
      QueueFull: more would wait than `max_waiting`.
    """
    now = time.monotonic()
    budgets = [self._check(request) for request in requests]
    with self._changed:
      if self._closed:
        raise RuntimeError("The engine is closed.")
      if len(self._waiting) + len(requests) > self.max_waiting:
        raise QueueFull(f"The request queue is full: {len(self._waiting)} wait, {len(requests)} more do not fit into "
                        f"{self.max_waiting}. Try again later.")
      rids = [request.rid for request in requests]
      taken = self._rids.intersection(rids)
      if taken or len(set(rids)) < len(rids):
        raise RequestError(f"Duplicate request ID {sorted(taken)[0] if taken else 'within the batch'}.")
      adapters = self.adapters.acquire([request.adapter for request in requests])  # the last thing that may fail
      self._rids.update(rids)
      jobs = []
      for request, adapter, budget in zip(requests, adapters, budgets, strict=True):
        seed = request.sampling.sampling_seed
        seed = self._seeds.getrandbits(63) if seed is None else seed % 2**64
        thought = thinking.Thinking(budget, request.input_ids) if budget else None
        jobs.append(Job(request, Future(), now, seed, adapter, thought))
      self._waiting.extend(jobs)
      self._changed.notify()
    return [job.future for job in jobs]

  def generate(self, requests: Sequence[GenerateRequest]) -> list[GenerateResult]:
    """Submits requests together and waits for all results, in order."""
    return [future.result() for future in self.submit(requests)]

  def warm_up(self) -> None:
    """Compiles what a single request and a full machine need first."""
    prompt = tuple(index % self.config.vocab_size for index in range(min(60, self.max_length // 2)))
    for count in (1, self.slots):
      self.generate([GenerateRequest(prompt, SamplingParams(max_new_tokens=1, sampling_seed=index))
                     for index in range(count)])
    self.flush()

  def pause(self, mode: str = "abort") -> None:
    """Stops decoding until `resume`; new requests wait.

    Args:
      mode: 'abort' ends what runs and waits; 'retract' puts what runs back into the queue, its output so far kept;
        'in_place' freezes it in its slots.
    """
    if mode not in PAUSE_MODES:
      raise RequestError(f"mode is {mode!r}, expected one of {', '.join(PAUSE_MODES)}.")

    def do():
      self._paused = True
      if mode == "abort":
        self._abort(lambda job: True, "Generation was paused")
      elif mode == "retract":
        self._retract()
    self._call(do)

  def resume(self) -> None:
    """Goes on after `pause`."""
    def do():
      self._paused = False
    self._call(do)

  def abort(self, rid: str | None = None) -> None:
    """Ends the requests whose id begins with `rid` (samples and batch items are named behind it), or all of them."""
    self._call(lambda: self._abort(lambda job: rid is None or job.request.rid.startswith(rid), "Aborted"))

  def cancel(self, rids: Sequence[str]) -> None:
    """Ends exactly these requests, soon; does not wait for it."""
    gone = frozenset(rids)
    with self._changed:
      self._commands.append((lambda: self._abort(lambda job: job.request.rid in gone, "Client disconnected"), Future()))
      self._changed.notify()

  def flush(self) -> bool:
    """Forgets cached prompts. Returns False, and does nothing, while requests run or wait."""
    def do():
      if self._slots.active or self._waiting:
        return False
      self._slots.clear()
      return True
    return self._call(do)

  def update_weights(self, params: Any, version: str | None = None) -> int:
    """Swaps the weights between two blocks of tokens; returns how many running requests it put back into the queue.

    Those go on with the new weights behind the output they have; `weight_versions` says which wrote which tokens.
    Nothing computed with the old weights is kept.

    Raises:
      RequestError: params of another shape; the old weights stay.
    """
    weights.check(self.config, params)
    prepared = weights.prepare(self.config, params, self.dtype)

    def do():
      count = len(self._slots.active)
      self._retract()
      self._slots.clear()
      for job in self._waiting:  # the new weights read all that the old ones wrote, at once
        job.placed = len(job.output)
      self._params = prepared
      self.version = self.version if version is None else version
      return count
    return self._call(do)

  def set_version(self, version: str) -> None:
    """Renames the weights."""
    def do():
      self.version = version
    self._call(do)

  def load(self) -> dict[str, int]:
    """Requests running and waiting, tokens written since the start."""
    return {"running": len(self._slots.active), "waiting": len(self._waiting),
            "generated_tokens": self.generated_tokens}

  @property
  def alive(self) -> bool:
    """Whether the engine's thread runs."""
    return self._thread.is_alive() and not self._closed

  @property
  def paused(self) -> bool:
    return self._paused

  def close(self) -> None:
    """Aborts everything and ends the thread."""
    with self._changed:
      self._closed = True
      self._changed.notify()
    if self._thread is not threading.current_thread():
      self._thread.join()
    atexit.unregister(self.close)

  def _check(self, request: GenerateRequest) -> thinking.Budget | None:
    """Raises RequestError for what cannot be served; returns the limits of its thinking."""
    wire.check(request.input_ids, request.sampling, request.logprob_start_len, request.top_logprobs_num, self.limits)
    if request.sampling.stop and self.tokenizer is None:
      raise RequestError("stop strings need a tokenizer, and this engine has none: use stop_token_ids.")
    if request.max_thinking_tokens is None:
      return None
    return thinking.budget(request.max_thinking_tokens, request.thinking_end_ids, self.tokenizer,
                           self.config.vocab_size)

  def _call(self, do: Callable[[], Any]) -> Any:
    """Runs `do` on the engine's thread between two blocks and returns its result."""
    future: Future = Future()
    with self._changed:
      if self._closed:
        raise RuntimeError("The engine is closed.")
      self._commands.append((do, future))
      self._changed.notify()
    return future.result()

  # What runs on the engine's thread.

  def _run(self) -> None:
    while True:
      with self._changed:
        while not (self._closed or self._commands or self._has_work()):
          self._changed.wait()
        if self._closed:
          break
        commands = [self._commands.popleft() for _ in range(len(self._commands))]
        idle = not commands and not self._slots.active
      for do, future in commands:
        _settle(future, do)
      if idle and self._gather_seconds:
        time.sleep(self._gather_seconds)
      if self._has_work():
        self._step()
    self._abort(lambda job: True, "The engine was closed")
    for _, future in self._commands:
      future.set_exception(RuntimeError("The engine is closed."))

  def _has_work(self) -> bool:
    return not self._paused and bool(self._waiting or self._slots.active)

  def _step(self) -> None:
    """Fills free slots from the queue, decodes one block, and answers whoever is finished.

    An error of the device (out of memory, say) goes to the requests in the slots; the engine lives on.
    """
    job = None
    try:
      self._slots.reserve([job for job in list(self._waiting)[:self._slots.max_slots] if job.wants_slot])
      while self._slots.free and not self._commands and (job := self._next_job()):
        self._admit(job)
        job = None
      if self._slots.active:
        before = [(job, len(job.output)) for job in self._slots.jobs if job]
        adapter = self.adapters.next([job.adapter for job, _ in before])
        stopped = self._slots.decode(self._params_of(adapter), adapter)
        self._account(before)
        self._finish(stopped)
    except Exception as error:
      logger.exception("The engine could not serve %d requests.", len(self._slots.active))
      failed = [other for other in self._slots.jobs if other] + ([job] if job else [])
      self._slots.clear()
      for other in failed:
        self._answer(other, error)

  def _next_job(self) -> Job | None:
    with self._changed:
      return self._waiting.popleft() if self._waiting else None

  def _admit(self, job: Job) -> None:
    """Scores the prompt where asked for, and gives the job a slot where it wants tokens."""
    request = job.request
    if request.return_logprob and request.logprob_start_len >= 0 and not job.scored:
      job.input_logprobs, job.input_top = self._score(job)
      job.scored = True
    if job.wants_slot:
      self._slots.admit(self._params_of(job.adapter), job)
    else:
      self._answer(job, {"type": "length", "length": 0})

  def _params_of(self, adapter: Adapter) -> Any:
    """The weights of one adapter's requests."""
    return adapter.over(self._params)

  def _score(self, job: Job) -> tuple[tuple[float | None, ...], tuple[Any, ...]]:
    """Log-probs of the prompt's tokens from logprob_start_len on; the first entry is None, as in SGLang."""
    request = job.request
    ids, start = request.input_ids, request.logprob_start_len
    length = programs.bucket(len(ids))
    tokens = np.zeros((1, length), np.int32)
    tokens[0, :len(ids)] = ids
    place = np.arange(length)[None]
    wanted = (place >= start) & (place < len(ids) - 1)
    logprobs, (values, indices) = jax.device_get(programs.score(
        self.config, self._params_of(job.adapter), tokens, (place < len(ids)).astype(np.int32), wanted,
        top=programs.bucket(request.top_logprobs_num, (0, 5, 20)), dtype=self.dtype))
    span, count = slice(start, len(ids) - 1), request.top_logprobs_num
    if start >= len(ids):
      return (), ()
    top = tuple(tuple(zip(p[:count].tolist(), i[:count].tolist(), strict=True))
                for p, i in zip(values[span], indices[span], strict=True)) if count else ()
    return (None, *logprobs[span].tolist()), (None, *top) if count else ()

  def _account(self, before: list[tuple[Job, int]]) -> None:
    """Notes which weights wrote the new tokens."""
    for job, count in before:
      self.generated_tokens += len(job.output) - count
      if len(job.output) == count:
        continue  # another adapter's turn
      if job.spans and job.spans[-1][0] == self.version:
        job.spans[-1][2] = len(job.output)
      else:
        job.spans.append([self.version, count, len(job.output)])

  def _finish(self, stopped: list[tuple[int, Job]]) -> None:
    """Answers the jobs that stopped or wrote a stop string, and shows the others' progress to who wants it."""
    done = {slot for slot, _ in stopped}
    for slot in self._slots.active:
      job = self._slots.jobs[slot]
      reason = finish.find_stop_string(job, self.tokenizer)
      if reason is None and slot in done:
        reason = finish.natural_end(job)
      if reason is not None:
        self._slots.release(slot)
        self._answer(job, reason)
      elif job.request.on_tokens:
        self._show(job)

  def _show(self, job: Job) -> None:
    try:
      job.request.on_tokens(finish.result(job, None, self.tokenizer, self.version))
    except Exception:  # a listener that went away must not stop the others
      logger.exception("on_tokens of request %s failed.", job.request.rid)

  def _answer(self, job: Job, outcome: dict[str, Any] | Exception) -> None:
    with self._changed:
      self._rids.discard(job.request.rid)
    self.adapters.release(job.adapter)
    try:
      if isinstance(outcome, Exception):
        job.future.set_exception(outcome)
      else:
        job.future.set_result(finish.result(job, outcome, self.tokenizer, self.version))
    except InvalidStateError:  # its caller cancelled it
      pass

  def _retract(self) -> None:
    """Puts running jobs back to the front of the queue, in order.

    Should the same weights go on, then behind a cache of the same bits: the output is repeated token by token.
    """
    jobs = [self._slots.jobs[slot] for slot in self._slots.active]
    for slot in self._slots.active:
      self._slots.release(slot)
    for job in jobs:
      job.retractions, job.placed = job.retractions + 1, 0
    with self._changed:
      self._waiting.extendleft(reversed(jobs))

  def _abort(self, chosen: Callable[[Job], bool], message: str) -> None:
    """Answers the chosen jobs with what they have so far."""
    jobs = []
    for slot in self._slots.active:
      if chosen(self._slots.jobs[slot]):
        jobs.append(self._slots.jobs[slot])
        self._slots.release(slot)
    with self._changed:
      jobs += [job for job in self._waiting if chosen(job)]
      self._waiting = collections.deque(job for job in self._waiting if not chosen(job))
    for job in jobs:
      self._answer(job, {"type": "abort", "message": message, "status_code": None, "err_type": None})


def _settle(future: Future, do: Callable[[], Any]) -> None:
  try:
    future.set_result(do())
  except Exception as error:
    future.set_exception(error)
