"""Search runs -> Finch data set.

  python launch/build_dataset.py --config=configs/finch.py --config.source=RUNS --workdir=DIR
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from eft_jax.finch.build import BuildSettings, run_build
from launch import common

if __name__ == "__main__":
  common.launch(run_build, BuildSettings, "configs/finch.py")
