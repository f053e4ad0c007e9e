"""Test-time RL of a model on one task; see configs/ttt_cpu.py. The same command goes on with a stopped run.

  python launch/rl.py --config=configs/ttt_cpu.py --config.task=TASK --config.model=FOLDER --workdir=DIR
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from eft_jax.rl.loop import run_rl
from eft_jax.rl.settings import RlSettings
from launch import common

if __name__ == "__main__":
  common.launch(run_rl, RlSettings, "configs/ttt_cpu.py")
