"""Several processes as one run: joined where the environment says so, and only there.

Set by hand, by Slurm's srun, or by a TPU pod:

  JAX_COORDINATOR_ADDRESS=HOST:PORT JAX_NUM_PROCESSES=N JAX_PROCESS_ID=I    the same program N times, I from 0
  SLURM_STEP_NUM_TASKS > 1                                                  srun sets it; JAX reads the rest
  TPU_WORKER_HOSTNAMES with more than one name, or MEGASCALE_COORDINATOR_ADDRESS    a TPU pod or slices of several

The processes share the work directory: the first one writes to it, and all write their parts of checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from eft_jax.core.settings import ConfigError

OURS = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def arguments(environment: Mapping[str, str]) -> dict[str, Any] | None:
  """What jax.distributed.initialize is to be called with; None for a process on its own.

  Raises:
    ConfigError: only some of the variables are set, or they are no numbers.
  """
  given = [name for name in OURS if environment.get(name)]
  if len(given) > 1 or given == ["JAX_PROCESS_ID"] or given == ["JAX_NUM_PROCESSES"]:
    if missing := [name for name in OURS if name not in given]:
      raise ConfigError(f"{', '.join(given)} in the environment, but not {', '.join(missing)}: set all three or none.")
    address, count, index = (environment[name] for name in OURS)
    if ":" not in address or not count.isdecimal() or not index.isdecimal() or int(index) >= int(count):
      raise ConfigError(f"JAX_COORDINATOR_ADDRESS={address} JAX_NUM_PROCESSES={count} JAX_PROCESS_ID={index}: expected "
                        "HOST:PORT, a number N, and a number from 0 to N - 1.")
    return {"coordinator_address": address, "num_processes": int(count), "process_id": int(index)}
  slurm = environment.get("SLURM_STEP_NUM_TASKS", "1")
  pod = "," in environment.get("TPU_WORKER_HOSTNAMES", "") or environment.get("MEGASCALE_COORDINATOR_ADDRESS")
  return {} if pod or (slurm.isdecimal() and int(slurm) > 1) else None


def join() -> int:
  """Joins the processes of a run, if there are several; returns this one's index.

  Raises:
    ConfigError: the environment names processes that do not come together.
  """
  found = arguments(os.environ)
  if found is None:
    return 0
  import jax

  # Its handler of SIGTERM would stand before ours; the loop agrees on a step to stop after by itself.
  jax.config.update("jax_enable_preemption_service", False)
  try:
    jax.distributed.initialize(**found)
  except (RuntimeError, ValueError) as error:
    raise ConfigError(f"The processes of this run did not come together ({error}): check "
                      f"{', '.join(OURS)} of each.") from error
  return jax.process_index()
