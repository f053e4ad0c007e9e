"""Which devices JAX looks for: where the TPU compiler is installed (for plans) but no TPU, it would complain of that.

`settle` is to run before jax is imported. What a user has set stands.
"""

from __future__ import annotations

import glob
import importlib.util
import os

TPU_FILES = ("/dev/accel[0-9]*", "/dev/vfio/[0-9]*")
GPU_FILES = ("/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
# What the compiler would ask the metadata server of a TPU machine for; a second process that loads it stops at a lock.
QUIET = {"TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost", "TPU_ACCELERATOR_TYPE": "v5litepod-4",
         "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}


def settle() -> None:
  """Sets the environment of this process and its children."""
  there = lambda patterns: any(map(glob.glob, patterns))
  if importlib.util.find_spec("libtpu") is None or there(TPU_FILES) or any(n.startswith("TPU_") for n in os.environ):
    return
  for name, value in QUIET.items():
    os.environ.setdefault(name, value)
  if not there(GPU_FILES):
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
