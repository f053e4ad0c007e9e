import numpy as np

def overlap(h):
    return max(np.correlate(h, 1 - h, "full"))

def construct(n, previous=None):
    rng = np.random.default_rng(1)
    x = np.linspace(-1, 1, 24)
    best = 0.5 + 0.1 * np.cos(2 * x)
    for step in range(40):
        h = rng.normal(best, 0.05).clip(0, 0.9)
        h *= 12 / h.sum()
        if overlap(h) < overlap(best):
            best = h
    return best
