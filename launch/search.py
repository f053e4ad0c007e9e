"""Searches for better programs on one task; see configs/search.py. The same command goes on with a stopped run."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from eft_jax import store
from eft_jax.core.settings import ConfigError
from eft_jax.search import loop
from eft_jax.search.settings import SearchSettings
from launch import common

EXPORT_TRACE = flags.DEFINE_string(
    "export_trace", None, "File for the run's attempts as JSON lines in step order, without times.")


def run(settings, workdir, progress):
  if EXPORT_TRACE.value and not pathlib.Path(EXPORT_TRACE.value).absolute().parent.is_dir():
    raise ConfigError(f"--export_trace={EXPORT_TRACE.value}: its folder does not exist.")
  results = loop.run_search(settings, workdir, progress)
  if EXPORT_TRACE.value:
    with store.Store(workdir / store.FILE_NAME, read_only=True) as attempts:
      store.export_trace(attempts, EXPORT_TRACE.value)
  return results


if __name__ == "__main__":
  common.launch(run, SearchSettings, "configs/search.py")
