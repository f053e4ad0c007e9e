"""Image denoising: the reference by non-local means, simple filters below it, and the scale of the score."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("image_denoising_own")
MODULE = TASK.evaluate.__globals__
# Non-local means: pixels are averaged over those whose neighbourhoods look alike, with the noise measured first.
REFERENCE = """
import numpy as np

def box(a, r):
    p = np.pad(a, ((0, 0), (r, r), (r, r)), "reflect")
    k = np.exp(-0.5 * (np.arange(-r, r + 1) / (0.6 * r)) ** 2)
    k /= k.sum()
    s, m = a.shape[1], 2 * r + 1
    p = sum(k[i] * p[:, i:i + s] for i in range(m))
    return sum(k[i] * p[:, :, i:i + s] for i in range(m))

def means(x, guide, sigma, h, noise, reach=6, r=2):
    s = x.shape[1]
    wide, wide_guide = [np.pad(a, ((0, 0), (reach,) * 2, (reach,) * 2), "reflect") for a in (x, guide)]
    total, weight, top = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x) + 1e-9
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dy * dy + dx * dx > reach * reach + 2 or (dy == 0 and dx == 0):
                continue
            part = slice(reach + dy, reach + dy + s), slice(reach + dx, reach + dx + s)
            gap = box((wide_guide[:, part[0], part[1]] - guide) ** 2, r)
            w = np.exp(-np.maximum(gap - 2 * noise * noise, 0) / (h * h))
            total += w * wide[:, part[0], part[1]]
            weight += w
            top = np.maximum(top, w)
    return (total + top * x) / (weight + top)

def denoise(images):
    d = images[:, :-1, :-1] - images[:, 1:, :-1] - images[:, :-1, 1:] + images[:, 1:, 1:]
    sigma = (np.median(np.abs(d), axis=(1, 2)) / 0.6745 / 2)[:, None, None]
    one = means(images, images, sigma, 0.75 * sigma, sigma)
    two = means(images, 0.8 * one + 0.2 * images, sigma, 0.35 * sigma, 0.25 * sigma)
    return np.clip(0.7 * two + 0.3 * one, 0, 1)
"""


def test_the_reference_is_the_best_known_value(run):
  assert np.mean([run(TASK, REFERENCE, key=f"key {i}").value for i in range(3)]) == pytest.approx(
      TASK.best_known, abs=0.4)


def test_simple_filters_lie_below(judge):
  from scipy import ndimage
  blurred = judge(TASK, lambda images: ndimage.gaussian_filter(images, (0, 1, 1))).value
  median = judge(TASK, lambda images: ndimage.median_filter(images, (1, 3, 3))).value
  assert 0 < max(blurred, median) < TASK.best_known - 1


def test_the_score_is_the_gain_over_the_noisy_picture(judge, hidden_seeds):
  noisy, clean = MODULE["data"]((*range(8), *hidden_seeds("pictures", 16)), 32)
  assert judge(TASK, lambda images: images).value == pytest.approx(0, abs=1e-9)
  assert judge(TASK, lambda images: (noisy + clean) / 2).value == pytest.approx(20 * np.log10(2), abs=1e-9)
  assert judge(TASK, lambda images: clean).value == 40
  assert judge(TASK, lambda images: images + 1e200).value == -20


def test_pictures_are_what_the_statement_says():
  noisy, clean = MODULE["data"](tuple(range(30)), 128)
  assert clean.min() >= 0 and clean.max() <= 1 and clean.std(axis=(1, 2)).min() > 0.05
  level = (noisy - clean).std(axis=(1, 2))
  assert 0.04 < level.min() < 0.1 and 0.2 < level.max() < 0.26
  assert abs((noisy - clean).mean(axis=(1, 2))).max() < 0.01


@pytest.mark.parametrize("result, message", [
    (np.zeros((24, 32, 31)), r"shape \(24, 32, 31\)"), (np.full((24, 32, 32), np.inf), "is inf"), (None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
