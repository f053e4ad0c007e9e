"""A corpus: the scripted teacher over all training tasks, then their Finch data set; see configs/finch_mini.py.

  python launch/corpus.py --config=configs/finch_mini.py --workdir=DIR

The same command goes on with a corpus that was stopped, at whatever instant, and ends with the same rows.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from eft_jax.corpus import CorpusSettings, run_corpus
from launch import common

if __name__ == "__main__":
  common.launch(run_corpus, CorpusSettings, "configs/finch_mini.py")
