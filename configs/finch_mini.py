"""Finch Mini: a corpus of the paper's size by the scripted teacher alone, from every training task, with its filters.

On: 2 CPU cores, about two hours; it uses all cores that there are.
Expected: at least 156,731 kept transitions, of them at least 30,445 improved ones with distinct pairs of syntax trees
and a relative gain of at least 1e-6; every training task is present and none has more than 3 % of the rows. The report
is printed and stands in DIR/report.md and DIR/summary.json; all attempts stay in DIR/search, the data set is
DIR/dataset.
Command: python launch/corpus.py --config=configs/finch_mini.py --workdir=DIR
The same command goes on where it was stopped. A small trial of the whole: --config.scale=0.01. Single tasks or
families: --config.tasks='("thomson_energy",)'. Rows of several steps as one edit: --config.hindsight=True.
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.corpus import CorpusSettings
from eft_jax.finch import FilterSettings


def get_config() -> ml_collections.ConfigDict:
  # The paper: 156,731 kept and 30,445 improved; the margin is for what the cap and duplicates between runs take.
  filters = FilterSettings(minimum_gain=1e-6, maximum_tokens=32768, maximum_share=0.03, unique_edits=True)
  return ml_collections.ConfigDict(settings.to_dict(CorpusSettings(rows=161_000, improved=31_500, filters=filters)))
