"""C++ in the candidate's process: compile a source to a binary, or become the binary."""

from __future__ import annotations

import os
import resource
import subprocess

import codec
import numpy as np

# A search compiles far more than it runs: -O1 takes 6 to 15 % less than -O2 for short programs that run milliseconds.
_COMPILE = ("g++", "-O1", "-std=c++17", "-pipe", "-o", "program", "program.cpp")
_MESSAGE_CHARS = 1500
_STACK_BYTES = 256 << 20


def compile_source(source: str) -> bytes:
  """The encoded answer: ['ok', binary as bytes] or ['compile', the compiler's first messages]."""
  with open("program.cpp", "w", encoding="utf-8", errors="replace") as file:
    file.write(source)
  done = subprocess.run(_COMPILE, stdin=subprocess.DEVNULL, capture_output=True, errors="replace")
  if done.returncode != 0:
    return codec.encode(["compile", done.stderr[:_MESSAGE_CHARS] or f"g++ ended with code {done.returncode}"])
  return codec.encode(["ok", np.fromfile("program", np.uint8)])


def become(binary: bytes, standard_input: bytes, channel: int) -> None:
  """Replaces this process by the binary, with the channel as its standard output; never returns."""
  fd = os.open("program", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o700)
  with open(fd, "wb") as file:
    file.write(binary)
  with open("input", "w+b") as file:
    file.write(standard_input)
    file.seek(0)
    file.flush()
    os.dup2(file.fileno(), 0)
  os.unlink("input")
  os.dup2(channel, 1)
  os.close(channel)
  hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
  size = _STACK_BYTES if hard == resource.RLIM_INFINITY else min(hard, _STACK_BYTES)
  resource.setrlimit(resource.RLIMIT_STACK, (size, hard))
  os.execve("program", ["program"], dict(os.environ))
