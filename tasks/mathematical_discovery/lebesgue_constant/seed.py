import numpy as np

def largest(x):
    t = np.linspace(-1, 1, 40)[:, None, None]
    same = np.eye(len(x)) > 0
    terms = (t - x) / np.where(same, 1, x[:, None] - x)
    return abs(np.where(same, 1.0, terms).prod(axis=2)).sum(1).max()

def construct(n, previous=None):
    rng = np.random.default_rng(2)
    grid = np.linspace(-0.97, 0.97, n)
    best = grid + 0.1 * np.sin(3 * grid)
    for step in range(8):
        x = rng.normal(best, 0.004).clip(-1, 1)
        if largest(x) < largest(best):
            best = x
    return best
