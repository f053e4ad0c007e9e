import numpy as np

def construct(n, previous=None):
    best, low = None, 1e9
    rng = np.random.default_rng(3)
    for trial in range(2):
        x = (np.arange(n) + 0.2) / (n + 0.4)
        x = np.clip(x + 0.08 * rng.normal(size=n), 0.0, 1.0)
        w = np.full(n, 0.9 / n) * (1 + 0.3 * (x > 0.7))
        uneven = np.abs(np.diff(np.sort(x))).max()
        if uneven < low:
            best, low = np.stack([x, w], axis=1), uneven
    return best
