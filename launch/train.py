"""Mid-training on a Finch data set.

  python launch/train.py --config=configs/smollm2_cpu.py --config.data.path=DATASET --workdir=DIR

On several hosts: the same command on each, joined as launch/processes.py says.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from eft_jax.train import TrainSettings, run_train
from launch import common, processes

if __name__ == "__main__":
  common.launch(run_train, TrainSettings, "configs/smollm2_cpu.py", join=processes.join)
