"""A search without a model loads no library of models."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

_IMPORTS = """
import sys
sys.path.insert(0, {root!r})
from eft_jax.core import events
from eft_jax.search import loop
from eft_jax.search.proposers import make
from eft_jax.search.settings import SearchSettings
make.proposer(SearchSettings())
with events.without_torch():
  import tensorboardX
print([name for name in ("jax", "torch", "flax", "transformers", "tokenizers") if name in sys.modules])
"""


def test_scripted_search_imports_neither_jax_nor_torch():
  shown = subprocess.run([sys.executable, "-c", _IMPORTS.format(root=str(ROOT))], capture_output=True, text=True,
                         check=True)
  assert shown.stdout.strip() == "[]"
