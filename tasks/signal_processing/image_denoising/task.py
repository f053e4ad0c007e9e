"""Image denoising: pictures of shapes, shades and textures under Gaussian noise. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16
SIDE = {"search": 32, "full": 128}

STATEMENT = """Remove the noise from grey pictures. A picture has a smooth background, some discs, boxes and stripes \
with sharp edges, and in some places a fine regular texture; grey values lie about between 0 and 1. Added is Gaussian \
noise, whose deviation, from 0.05 to 0.25, differs from picture to picture and is not told.

Write `denoise(images)`. `images` has shape (B, S, S), B = {instances} noisy pictures of side S = {search} ({full} at \
full fidelity). Return an array of the same shape, the clean pictures.

Invalid: another shape, numbers that are not finite and real.

Score: the gain in peak signal-to-noise ratio in dB, the mean over hidden pictures of 10 log10(squared error of the \
noisy picture / squared error of yours), kept between -20 and 40; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return the clean pictures for noisy ones, shape (B, S, S). Maximise the gain in peak signal-to-noise "
         "ratio in dB.")


@functools.lru_cache(maxsize=4)
def data(seeds: tuple[int, ...], side: int) -> tuple[np.ndarray, np.ndarray]:
  """Noisy and clean pictures [B, side, side]."""
  pairs = [draw(np.random.default_rng(seed), side) for seed in seeds]
  found = tuple(np.stack(part) for part in zip(*pairs, strict=True))
  for values in found:
    values.setflags(write=False)
  return found


def draw(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
  """One noisy picture and the clean one; lengths are fractions of 32 pixels, so that larger pictures hold more."""
  y, x = np.mgrid[:side, :side] / 32
  a, b, c = rng.normal(0, 0.15, 3)
  image = 0.5 + a * np.sin(2 * x + 6 * b) + b * np.cos(2 * y + 6 * c) + c * np.sin(x - y)
  for _ in range(int(rng.integers(3, 6)) * (side // 32) ** 2):
    centre_y, centre_x = rng.uniform(0, side / 32, 2)
    angle, kind = rng.uniform(0, np.pi), rng.integers(4)
    u = (x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)
    v = (y - centre_y) * np.cos(angle) - (x - centre_x) * np.sin(angle)
    size = rng.uniform(0.1, 0.35)
    inside = u**2 + v**2 < size**2
    if kind == 1:
      inside = (np.abs(u) < size) & (np.abs(v) < 0.6 * size)
    elif kind == 2:
      inside = (np.abs(u) < 0.05) & (np.abs(v) < 2 * size)
    if kind == 3:
      image = image + 0.15 * inside * np.sign(np.sin(2 * np.pi * u * rng.uniform(6, 9)))
    else:
      image = np.where(inside, rng.uniform(0, 1), image)
  image = np.clip(image, 0, 1)
  return image + rng.uniform(0.05, 0.25) * rng.normal(size=image.shape), image


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("pictures", HIDDEN))
  noisy, clean = data(seeds, SIDE[session.fidelity])
  result = checks.array(session.call("denoise", noisy.copy()), clean.shape, name="denoise")
  with np.errstate(over="ignore"):
    error = ((result - clean) ** 2).mean(axis=(1, 2))
  before = ((noisy - clean) ** 2).mean(axis=(1, 2))
  values = np.clip(10 * np.log10(before / np.maximum(error, 1e-12)), -20.0, 40.0)
  shown = values[:len(PUBLIC_SEEDS)]
  public, hidden = float(shown.mean()), float(values[len(PUBLIC_SEEDS):].mean())
  weak, strong = (float(values[part].mean()) for part in (before < np.median(before), before >= np.median(before)))
  return core.Score(hidden, {"public": public, "gap": hidden - public, "weak_noise": weak, "strong_noise": strong},
                    instances=tuple(shown.tolist()))


TASKS = [
    core.Task(
        name="image_denoising_own", family="image_denoising", domain="signal_processing",
        statement=STATEMENT.format(**SIDE, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="denoise", direction="max",
        baseline=4.3, spread=0.6, best_known=7.65, source="our own reference: non-local means with measured noise",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
