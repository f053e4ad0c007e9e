"""A corpus: the scripted teacher over all training tasks, many short runs of each, and a data set of what they kept."""

from eft_jax.corpus.build import run_corpus
from eft_jax.corpus.settings import CorpusSettings, RecipeSettings

__all__ = ["CorpusSettings", "RecipeSettings", "run_corpus"]
