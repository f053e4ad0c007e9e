"""Reading a compiled program: its floating-point operations, memory traffic and collectives, loops by trip count.

The compiler's own cost analysis counts a loop's body once (and its `optimal_seconds` is wrong for loops), so the text
of the optimized program is walked here instead, each body times the trip count that its condition says.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

WIDTHS = {"pred": 1, "s2": 0.25, "s4": 0.5, "u4": 0.5, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2,
          "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8, "c64": 8, "c128": 16, "token": 0, "opaque": 0}
COLLECTIVES = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute", "ragged-all-to-all")
# They move nothing, or their start did.
FREE = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "partition-id", "replica-id",
        "opt-barrier", "domain", "add-dependency")


class Array(NamedTuple):
  """Shape of one array; `far` says that it is in the device's main memory, not in a scratchpad on the chip."""

  dtype: str
  dims: tuple[int, ...]
  far: bool

  @property
  def bytes(self) -> float:
    return WIDTHS.get(self.dtype, 1 if self.dtype.startswith("f8") else 4) * math.prod(self.dims)


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a computation."""

  name: str
  arrays: tuple[Array, ...]
  opcode: str
  operands: tuple[str, ...]
  inside: str  # what stands between the operation's parentheses
  rest: str

  def attribute(self, name: str) -> str | None:
    """Of `name=%value` or `name={value}`."""
    found = re.search(rf"\b{name}=(?:%([\w.-]+)|\{{([^}}]*)\}})", self.rest)
    return found and (found[1] or found[2])

  @property
  def far_bytes(self) -> float:
    return sum(array.bytes for array in self.arrays if array.far)


@dataclasses.dataclass
class Computation:
  """Instructions by name, in order; the last is the result."""

  instructions: dict[str, Instruction] = dataclasses.field(default_factory=dict)
  root: str = ""

  @functools.cached_property
  def users(self) -> dict[str, list[Instruction]]:
    found = collections.defaultdict(list)
    for instruction in self.instructions.values():
      for name in set(instruction.operands):
        found[name].append(instruction)
    return found

  @functools.cached_property
  def parameters(self) -> dict[int, str]:
    return {int(i.inside): i.name for i in self.instructions.values() if i.opcode == "parameter"}


@dataclasses.dataclass
class Program:
  """All computations of a module."""

  computations: dict[str, Computation]
  entry: str


@dataclasses.dataclass(frozen=True)
class Collective:
  """A collective: bytes of the whole array (gathered, or to be reduced), of one execution; devices that take part."""

  kind: str
  bytes: float
  ways: int


@dataclasses.dataclass
class Costs:
  """Of one execution, on one device.

  Attributes:
    flops: of matmuls, and of kernels that say what they do. bytes: to and from main memory.
    collectives: how often each runs.
    work: (flops, bytes) of each instruction -> how often it runs; for a time each takes the longer of both.
    dynamic: loops whose trip count the program does not know.
    unread: kernels that do not say what they do -> how often they run.
    channels: of the collectives that are counted. One that runs beside matmuls is in the text once per part of it.
  """

  flops: float = 0.0
  bytes: float = 0.0
  collectives: collections.Counter[Collective] = dataclasses.field(default_factory=collections.Counter)
  work: collections.Counter[tuple[float, float]] = dataclasses.field(default_factory=collections.Counter)
  dynamic: int = 0
  unread: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
  channels: set[tuple] = dataclasses.field(default_factory=set)


def parse(text: str) -> Program:
  """Reads `compiled.as_text()`."""
  program, current, last = Program({}, ""), None, ""
  lines: dict[str, str] = {}
  for line in text.splitlines():
    if head := re.match(r"(ENTRY )?%?([\w.-]+) \(.*\{$", line):
      current, lines = program.computations.setdefault(head[2], Computation()), {}
      program.entry = head[2] if head[1] else program.entry
    elif line.rstrip() == "}" and current is not None:
      current.instructions = {name: _instruction(name, text) for name, text in lines.items()}
      current = None
    elif current is not None and (found := re.match(r"\s+(ROOT )?%?([\w.-]+) = ", line)):
      last = found[2]
      lines[last] = line[found.end():]
      current.root = last if found[1] else current.root
    elif current is not None and last in lines:
      lines[last] += " " + line  # the metadata of a kernel may run over several lines
  return program


def _instruction(name: str, text: str) -> Instruction:
  end = _closing(text, 0) + 1 if text.startswith("(") else text.index(" ")
  opening = text.index("(", end)
  closing = _closing(text, opening)
  inside = text[opening + 1:closing]
  arrays = tuple(Array(m[1], tuple(map(int, m[2].split(","))) if m[2] else (), not re.search(r"S\([1-9]", m[3] or ""))
                 for m in re.finditer(r"(\w+)\[([\d,]*)\](\{[^}]*\})?", text[:end]))
  return Instruction(name, arrays, text[end:opening].strip(), tuple(re.findall(r"%([\w.-]+)", inside)), inside,
                     text[closing + 1:])


def _closing(text: str, opening: int) -> int:
  depth = 0
  for place in range(opening, len(text)):
    depth += (text[place] == "(") - (text[place] == ")")
    if not depth:
      return place
  raise ValueError(f"unbalanced parentheses in {text[:80]!r}")


def costs(program: Program, dynamic_trips: int = 1) -> Costs:
  """Counts a program.

  Args:
    dynamic_trips: of loops whose trip count depends on data.
  """
  total = Costs()
  _walk(program, program.computations[program.entry], 1, total, dynamic_trips)
  return total


def _walk(program: Program, computation: Computation, times: float, total: Costs, dynamic: int) -> None:
  for i in computation.instructions.values():
    if i.opcode == "while":
      trips = trip_count(program, computation, i)
      total.dynamic += trips is None
      trips = dynamic if trips is None else trips
      _walk(program, program.computations[i.attribute("body")], times * trips, total, dynamic)
    elif i.opcode in ("call", "async-start", "conditional"):
      for name in _called(program, i):
        _walk(program, program.computations[name], times, total, dynamic)
    elif i.opcode not in FREE and not i.opcode.endswith(("-done", "-update")):
      flops = _flops(program, computation, i, times, total)
      moved = _moved(program, computation, i)
      total.flops += times * flops
      total.bytes += times * moved
      total.work[flops, moved] += times


def _called(program: Program, i: Instruction) -> list[str]:
  named = re.findall(r"(?:to_apply|calls|\w+_computation)=%([\w.-]+)", i.rest)
  listed = re.findall(r"%([\w.-]+)", i.attribute("branch_computations") or "")
  return [name for name in named + listed if name in program.computations]


def trip_count(program: Program, computation: Computation, loop: Instruction) -> int | None:
  """How often a loop's body runs: the compiler's note, else from `counter < constant` and where the counter starts."""
  if known := re.search(r'known_trip_count"?:\{"?n"?:"?(\d+)', loop.rest):
    return int(known[1])
  condition = program.computations[loop.attribute("condition")]
  test = condition.instructions[condition.root]
  if test.opcode != "compare" or "direction=LT" not in test.rest:
    return None
  counter, bound = (condition.instructions[name] for name in test.operands)
  if bound.opcode != "constant" or counter.opcode != "get-tuple-element":
    return None
  start = computation.instructions[loop.operands[0]]
  index = int(re.search(r"index=(\d+)", counter.rest)[1])
  first = computation.instructions.get(start.operands[index]) if start.opcode == "tuple" else None
  return int(bound.inside) - (int(first.inside) if first is not None and first.opcode == "constant" else 0)


def _flops(program: Program, computation: Computation, i: Instruction, times: float, total: Costs) -> float:
  """FLOPs of one instruction and of what it fuses; notes its collectives and kernels on the way."""
  if i.opcode == "fusion":
    inner = program.computations[i.attribute("calls")]
    return sum(_flops(program, inner, part, times, total) for part in inner.instructions.values())
  kind = i.opcode.removesuffix("-start")
  if kind in COLLECTIVES:
    _note(computation, i, kind, times, total)
  elif i.opcode == "dot":
    left = computation.instructions[i.operands[0]].arrays[0]
    contracted = (i.attribute("lhs_contracting_dims") or "").split(",")
    return 2 * math.prod(i.arrays[0].dims) * math.prod(left.dims[int(d)] for d in contracted if d)
  elif i.opcode == "convolution":
    return _convolution(computation, i)
  elif i.opcode == "custom-call" and (said := re.search(r'"?flops"?:"?(\d+)', i.rest)):
    return float(said[1])
  elif i.opcode == "custom-call" and 'custom_call_target="tpu_custom_call"' in i.rest:
    total.unread[i.name] += times
  return 0.0


def _convolution(computation: Computation, i: Instruction) -> float:
  """2 for each pair of an output and a kernel entry that meet inside the input; a TPU's matmuls are convolutions."""
  left, right = (computation.instructions[name].arrays[0].dims for name in i.operands[:2])
  labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", i.rest)
  out = i.arrays[0].dims
  window = {name: [tuple(map(int, part.split("_"))) for part in text.split("x")]
            for name, text in re.findall(r"(\w+)=([\d_x-]+)", i.attribute("window") or "")}
  pairs = 1
  for n in range(sum(label.isdigit() for label in labels[1])):
    one = lambda name, default, n=n: window[name][n] if name in window else default
    pairs *= _meetings(left[labels[1].index(str(n))], out[labels[3].index(str(n))], one("size", (1,))[0],
                       one("stride", (1,))[0], one("pad", (0, 0))[0], one("lhs_dilate", (1,))[0],
                       one("rhs_dilate", (1,))[0])
  return 2.0 * pairs * out[labels[3].index("b")] * out[labels[3].index("f")] * right[labels[2].index("i")]


@functools.lru_cache(maxsize=4096)
def _meetings(size: int, outs: int, kernel: int, stride: int, pad: int, dilate: int, spread: int) -> int:
  """Pairs of output and kernel place along one dimension that fall on an entry of the input."""
  if kernel == 1 and stride == 1 and pad == 0:
    return outs
  places = (out * stride + tap * spread - pad for out in range(outs) for tap in range(kernel))
  return sum(0 <= place < (size - 1) * dilate + 1 and place % dilate == 0 for place in places)


def _note(computation: Computation, i: Instruction, kind: str, times: float, total: Costs) -> None:
  taken = sum(array.bytes for name in i.operands for array in computation.instructions[name].arrays)
  ways = group_size(i.rest)
  found = Collective(kind, taken * ways if kind == "all-gather" else taken, ways)
  # Collectives that the program asks for by hand share a channel, so what they are made from tells them apart.
  named = [re.search(pattern, i.rest) for pattern in (r"channel_id=(\d+)", r'op_name="([^"]*)"')]
  channel = (found, *(match and match[1] for match in named))
  if not named[0] or channel not in total.channels:
    total.collectives[found] += times
  total.channels.add(channel)


def group_size(text: str) -> int:
  """Devices in a group of `replica_groups`, in each of its notations; of a permutation 2."""
  if found := re.search(r"replica_groups=\[\d+,(\d+)\]<=", text):
    return int(found[1])
  if found := re.search(r"replica_groups=\{\{([\d,]+)\}", text):
    return found[1].count(",") + 1
  if found := re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", text):
    sizes = dict(re.findall(r"'?(\w+)'?=(\d+)", found[1]))
    return math.prod(int(sizes.get(axis, 1)) for axis in re.findall(r"'?(\w+)'?", found[2]))
  return 2 if "source_target_pairs" in text else 1


def _moved(program: Program, computation: Computation, i: Instruction) -> float:
  """Bytes that an instruction reads from and writes to main memory."""
  if i.opcode in ("copy-start", "slice-start", "dynamic-slice-start"):
    place = 0 if i.opcode == "copy-start" else 1  # the copy, beside what it is made of
    copy = i.arrays[min(place, len(i.arrays) - 1)]
    source = computation.instructions[i.operands[0]].arrays[0]
    return copy.bytes * (copy.far + source.far)
  reads = sum(_read(program, computation, i, place) for place in range(len(i.operands)))
  return reads + _written(program, computation, i)


def _read(program: Program, computation: Computation, i: Instruction, place: int) -> float:
  """Bytes that an instruction reads of one operand: of what it slices only the slice, of what it updates nothing."""
  source = computation.instructions.get(i.operands[place])
  if source is None or not source.far_bytes:
    return 0.0
  return min(source.far_bytes, _touched(program, i, place, source.far_bytes))


def _touched(program: Program, i: Instruction, place: int, whole: float) -> float:
  if i.opcode in ("dynamic-slice", "slice", "gather") and place == 0:
    return sum(array.bytes for array in i.arrays)
  if i.opcode == "dynamic-update-slice" and place == 0:
    return 0.0
  if i.opcode == "fusion":
    inner = program.computations[i.attribute("calls")]
    return _through(program, inner, inner.parameters.get(place, ""), whole)
  return whole


def _through(program: Program, computation: Computation, name: str, whole: float) -> float:
  total = 0.0
  for user in computation.users.get(name, ()):
    if user.opcode == "bitcast":
      total += _through(program, computation, user.name, whole)
    else:
      total += sum(_touched(program, user, place, whole) for place, n in enumerate(user.operands) if n == name)
  return min(total, whole)


def _written(program: Program, computation: Computation, i: Instruction) -> float:
  """Bytes of the output; of an update in place only the update."""
  if not i.far_bytes:
    return 0.0
  return min(i.far_bytes, sum(_updates(program, computation, i)))


def _updates(program: Program, computation: Computation, i: Instruction) -> Iterator[float]:
  if i.opcode == "dynamic-update-slice" and i.operands[1] in computation.instructions:
    yield computation.instructions[i.operands[1]].arrays[0].bytes
  elif i.opcode == "fusion":
    inner = program.computations[i.attribute("calls")]
    root = inner.instructions.get(inner.root)
    parts = [inner.instructions[name] for name in root.operands] if root and root.opcode == "tuple" else [root]
    for part in parts:
      while part and part.opcode == "bitcast" and part.operands[0] in inner.instructions:
        part = inner.instructions[part.operands[0]]
      yield from _updates(program, inner, part) if part else (i.far_bytes,)
  else:
    yield sum(array.bytes for array in i.arrays)
