"""Slots: the sequences being decoded now, their cache on the device, and how both grow and shrink."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import jax
import numpy as np

from eft_jax import models
from eft_jax.serve import programs, sampling
from eft_jax.serve.adapters import Adapter
from eft_jax.serve.requests import GenerateRequest
from eft_jax.serve.thinking import Thinking

LENGTHS = (256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
_GOLDEN = 0x9E3779B97F4A7C15  # odd: distinct sample indices give distinct keys
# A smaller batch is worth its copy (and perhaps its compilation) when it saves at least so many row-steps.
_WORTH = 1000
# Below some 4,096 elements XLA's CPU backend sums in another order (tree_reduction_rewriter).
_SUMMED_ALIKE = 8192


# Tokens of a cache, and the weights that computed them.
Prefix = tuple[Adapter, tuple[int, ...]]


@dataclasses.dataclass(eq=False)
class Job:
  """One request on its way through the engine."""

  request: GenerateRequest
  future: Future
  submitted: float
  seed: int
  adapter: Adapter
  thinking: Thinking | None = None
  output: list[int] = dataclasses.field(default_factory=list)
  logprobs: list[float] = dataclasses.field(default_factory=list)
  top: list[tuple[tuple[float, int], ...]] = dataclasses.field(default_factory=list)
  spans: list[list[Any]] = dataclasses.field(default_factory=list)  # [version, start, end]
  input_logprobs: tuple[float | None, ...] = ()
  input_top: tuple[Any, ...] = ()
  scored: bool = False
  cached: int = 0
  retractions: int = 0
  searched: int = 0  # output tokens already searched for stop strings
  placed: int = 0  # output tokens that its slot has written: fewer than there are while they are repeated

  @property
  def sequence(self) -> list[int]:
    """Prompt and output."""
    return [*self.request.input_ids, *self.output]

  @property
  def prefix(self) -> Prefix:
    """What must be in the cache before the next step, which reads the token behind it."""
    return self.adapter, tuple(self.sequence[:self.position])

  @property
  def position(self) -> int:
    """Place of the token that the next step reads."""
    return len(self.request.input_ids) + self.placed - 1

  def forced(self, block: int) -> list[int]:
    """The next tokens that are not to be drawn: those that are repeated, then the end of thinking."""
    return [*self.output[self.placed:], *(self.thinking.pending if self.thinking else ())][:block]

  @property
  def block_end(self) -> int:
    """Place of the last token that the next block may write."""
    allowance = self.thinking.allowance if self.thinking else None
    if allowance is None:
      return self.last_place
    return min(self.last_place, len(self.request.input_ids) + len(self.output) - 1 + allowance)

  @property
  def last_place(self) -> int:
    """Place of the last token that the request may write."""
    return len(self.request.input_ids) + self.request.sampling.max_new_tokens - 1

  @property
  def wants_slot(self) -> bool:
    """Whether tokens are to be written, and not only the prompt to be scored."""
    return self.request.sampling.max_new_tokens > 0

  @property
  def key(self) -> tuple[int, int]:
    """The two words of the request's seed, with the sample's index folded in."""
    word = (self.seed + self.request.sample * _GOLDEN) % 2**64
    return word >> 32, word & 0xFFFFFFFF


class Slots:
  """Static slots over one cache. Not thread-safe: the engine's thread owns it.

  A prompt that some slot has already computed (and nobody has overwritten) is copied instead of computed: the samples
  of a group, and equal prompts of different requests. Only whole prompts match: a copy has the bits of a prefill.
  Where layers are recurrent a slot can be copied only until it writes its first token.

  Args:
    fixed: always run all slots, so that a row's rounding does not depend on how many others there are: a matrix product
      of another number of rows has other bits.
  """

  def __init__(self, config: models.ModelConfig, dtype: Any, slots: int, max_length: int, block: int,
               stop_ids: frozenset[int], fixed: bool = False):
    self.config, self.dtype, self.max_slots, self.max_length, self.block = config, dtype, slots, max_length, block
    self._stop_ids, self._fixed = stop_ids, fixed
    least = _SUMMED_ALIKE / (slots * config.num_heads) if fixed else 0
    self._lengths = tuple(size for size in LENGTHS if least <= size < max_length) + (max_length,)
    self.clear()

  def clear(self) -> None:
    """Forgets everything, cached prompts included."""
    self.jobs: list[Job | None] = []
    self._held: list[Prefix | None] = []  # what is in the cache of each slot, from position 0
    self._cache: models.Cache | None = None
    self._length = 0

  @property
  def active(self) -> list[int]:
    """Slots in use, in order."""
    return [slot for slot, job in enumerate(self.jobs) if job is not None]

  @property
  def free(self) -> int:
    """How many more jobs fit."""
    return self.max_slots - len(self.active)

  def release(self, slot: int) -> None:
    """Takes a job out of its slot; its prompt stays for others to copy."""
    self.jobs[slot] = None

  def reserve(self, jobs: Sequence[Job]) -> None:
    """Makes room for the jobs that come next, as far as they fit.

    Where nothing runs, the slots become as many and as long as these jobs need, whatever ran before: the rounding of
    their results then does not depend on history.
    """
    active = self.active
    jobs = jobs[:self.max_slots - len(active)]
    size = self._batch_size(len(active) + len(jobs))
    if active:
      if size > len(self.jobs):
        self._resize(list(range(len(self.jobs))), size, self._length)
    elif jobs:
      length = self._bucket(max(max(self._prefill_length(len(job.sequence) - 1), self._block_end(job)) for job in jobs))
      wanted = {job.prefix for job in jobs}
      useful = sorted(range(len(self.jobs)), key=lambda slot: self._held[slot] not in wanted)
      if (size, length) != (len(self.jobs), self._length):
        self._resize(sorted(useful[:size]), size, length)

  def admit(self, params: Any, job: Job) -> None:
    """Gives the job a slot and computes, or copies, what stands before the token that the next step reads."""
    prefix = job.prefix
    ids = prefix[1]
    if None not in self.jobs:
      self.reserve([job])
    source = self._held.index(prefix) if prefix in self._held else None
    slot = self._pick_slot(source)
    if source is None and ids:
      prompt = self._prefill(params, ids)
      self._lengthen(models.cache.length(prompt))
      self._cache = programs.insert(self._cache, prompt, np.int32(slot))
    elif ids:
      job.cached = len(ids)
      if source != slot:
        self._cache = programs.copy_slots(self._cache, np.array([source]), np.array([slot]))
    self.jobs[slot], self._held[slot] = job, prefix

  def _pick_slot(self, source: int | None) -> int:
    """A free slot: the one that holds the prompt, else one that holds nothing, else the first."""
    free = [slot for slot, job in enumerate(self.jobs) if job is None]
    if source in free:
      return source
    return min(free, key=lambda slot: self._held[slot] is not None)

  def _prefill(self, params: Any, ids: tuple[int, ...]) -> models.Cache:
    """Computes a prompt by itself, in programs whose shapes depend on its length alone."""
    first, length = min(programs.bucket(len(ids)), programs.CHUNK), self._prefill_length(len(ids))
    cache = None
    for start in range(0, len(ids), first):
      part = np.asarray(ids[start:start + first], np.int32)
      tokens = np.pad(part, (0, first - len(part)))[None]
      positions = np.where(np.arange(first) < len(part), start + np.arange(first), -1).astype(np.int32)[None]
      if cache is None:
        cache = programs.prefill(self.config, params, tokens, positions, length=length, dtype=self.dtype)
      else:
        cache = programs.extend(self.config, params, cache, tokens, positions)
    return models.cache.cut(cache, self.max_length) if length > self.max_length else cache

  def _prefill_length(self, count: int) -> int:
    """Entries of the cache in which `count` tokens are computed."""
    return programs.bucket(count) if count <= programs.CHUNK else -(-count // programs.CHUNK) * programs.CHUNK

  def _block_end(self, job: Job) -> int:
    """Entries that the next block may fill."""
    return min(len(job.sequence) + self.block, self.max_length)

  def _bucket(self, length: int) -> int:
    return programs.bucket(min(length, self.max_length), self._lengths)

  def decode(self, params: Any, adapter: Adapter) -> list[tuple[int, Job]]:
    """Writes up to `block` tokens in every slot of one adapter, whose weights `params` are; the other slots idle.

    Appends the tokens to the jobs, and returns who stopped by itself.
    """
    self._fit()
    slots, jobs = len(self.jobs), [job if job and job.adapter is adapter else None for job in self.jobs]
    last = np.array([job.block_end if job else 0 for job in jobs], np.int32)
    position = np.array([job.position if job else -1 for job in jobs], np.int32)
    token = np.array([job.sequence[job.position] if job else 0 for job in jobs], np.int32)
    forced = np.full((slots, self.block), -1, np.int32)
    for slot, job in enumerate(jobs):
      ids = job.forced(self.block) if job else []
      forced[slot, :len(ids)] = ids
    top = max((job.request.top_logprobs_num for job in jobs if job), default=0)
    if self.config.recurrent:  # a state moves on: from here on the slot no longer stands behind its prompt
      self._held = [None if job else held for job, held in zip(jobs, self._held, strict=True)]
    self._cache, rows, written = programs.decode_block(
        self.config, params, self._cache, programs.Rows(token, position, last), self._controls(jobs),
        self._counts(jobs), forced, block=self.block, top=programs.bucket(top, (0, 5, 20)))
    position, written = jax.device_get((rows.position, written))
    stopped = []
    for slot in range(slots):
      job = jobs[slot]
      if job is None:
        continue
      self._collect(job, jax.tree.map(lambda x: x[slot], written))  # noqa: B023
      if position[slot] < 0 and self._ended(job):
        stopped.append((slot, job))
    return stopped

  def _collect(self, job: Job, written: programs.Written) -> None:
    """Appends what a slot wrote to its job, without what was only repeated."""
    count, old = int((written.tokens >= 0).sum()), len(job.output) - job.placed
    job.placed += count
    new = slice(min(old, count), count)
    tokens = written.tokens[new].tolist()
    job.output += tokens
    if job.thinking:
      job.thinking.write(tokens)
    if job.request.return_logprob:
      job.logprobs += written.logprobs[new].tolist()
    wanted = job.request.top_logprobs_num
    if wanted:
      job.top += [tuple(zip(p[:wanted].tolist(), i[:wanted].tolist(), strict=True))
                  for p, i in zip(written.top[0][new], written.top[1][new], strict=True)]

  def _ended(self, job: Job) -> bool:
    """Whether a job that the device stopped is done: it may only have come to where thinking must end."""
    count = len(job.output)
    forced = job.thinking and job.thinking.forced and job.thinking.forced[-1][1] == count
    return count >= job.request.sampling.max_new_tokens or (
        job.placed == count and not forced and job.output[-1] in self.stops_of(job))

  def _controls(self, jobs: Sequence[Job | None]) -> sampling.Controls:
    """Sampling settings of the slots; idle ones are greedy, which asks for the least work."""
    params = [job.request.sampling if job else None for job in jobs]
    column = lambda kind, idle, get: np.array([idle if p is None else get(p) for p in params], kind)
    stops = [self.stops_of(job) if job else () for job in jobs]
    width = programs.bucket(max(map(len, stops), default=0), (4, 16, 64, 256))
    return sampling.Controls(
        temperature=column(np.float32, 0.0, lambda p: 0.0 if p.top_k == 1 else p.temperature),
        top_k=column(np.int32, self.config.vocab_size,
                     lambda p: self.config.vocab_size if p.top_k < 0 else min(p.top_k, self.config.vocab_size)),
        top_p=column(np.float32, 1.0, lambda p: p.top_p), min_p=column(np.float32, 0.0, lambda p: p.min_p),
        key=np.array([job.key if job else (0, 0) for job in jobs], np.uint32),
        frequency=column(np.float32, 0.0, lambda p: p.frequency_penalty),
        presence=column(np.float32, 0.0, lambda p: p.presence_penalty),
        repetition=column(np.float32, 1.0, lambda p: p.repetition_penalty),
        min_length=np.array([len(job.request.input_ids) + job.request.sampling.min_new_tokens if job else 0
                             for job in jobs], np.int32),
        stop_ids=np.array([[*ids, *[-1] * (width - len(ids))] for ids in stops], np.int32))

  def stops_of(self, job: Job) -> tuple[int, ...]:
    """Ids that end the job's output. As in SGLang, ignore_eos switches all of them off."""
    params = job.request.sampling
    return () if params.ignore_eos else tuple(sorted(self._stop_ids.union(params.stop_token_ids)))

  def _counts(self, jobs: Sequence[Job | None]) -> np.ndarray | None:
    """Tokens written so far, [B, V]; None where nobody has a penalty, which is the faster program."""
    if not any(job and job.request.sampling.penalized for job in jobs):
      return None
    counts = np.zeros((len(jobs), self.config.vocab_size), np.int32)
    for slot, job in enumerate(jobs):
      if job:
        np.add.at(counts[slot], np.asarray(job.output[:job.placed], np.int64), 1)
    return counts

  def _batch_size(self, count: int) -> int:
    """The number of slots to run `count` jobs in: powers of two up to max_slots, or always these."""
    return self.max_slots if self._fixed else min(1 << max(0, count - 1).bit_length(), self.max_slots)

  def _fit(self) -> None:
    """Before a block: a cache long enough for it, and fewer slots where that saves enough work."""
    active = self.active
    needed = self._bucket(max(self._block_end(self.jobs[slot]) for slot in active))
    left = max(self.jobs[slot].last_place + 1 - len(self.jobs[slot].sequence) for slot in active)
    size = self._batch_size(len(active))
    if size < len(self.jobs) and (len(self.jobs) - size) * left >= _WORTH:
      self._resize(active, size, needed)
    else:
      self._lengthen(needed)

  def _lengthen(self, needed: int) -> None:
    """Makes every slot at least `needed` entries long."""
    if needed > self._length:
      self._resize(list(range(len(self.jobs))), len(self.jobs), self._bucket(needed))

  def _resize(self, keep: list[int], size: int, length: int) -> None:
    """Moves the kept slots to the front of a cache of `size` slots and `length` entries."""
    if self._cache is None:
      self._cache = models.init_cache(self.config, size, length, self.dtype)
    else:
      # The rows behind the kept ones hold copies of some row: nothing reads them before it writes them.
      rows = np.array([*keep, *[keep[0] if keep else 0] * (size - len(keep))], np.int32)
      self._cache = programs.resize(self._cache, rows, entries=length)
    self.jobs = [self.jobs[slot] for slot in keep] + [None] * (size - len(keep))
    self._held = [self._held[slot] for slot in keep] + [None] * (size - len(keep))
    self._held = [held if held is None or len(held[1]) <= length else None for held in self._held]
    self._length = length
