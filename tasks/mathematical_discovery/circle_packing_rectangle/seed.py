import numpy as np

def radii(p):
    gap = np.hypot(*(p[:, None] - p).T) + np.eye(len(p))
    half = gap.min(axis=0) / 2
    return half.clip(0, 0.12)

def construct(n, previous=None):
    rng = np.random.default_rng(5)
    best = rng.uniform(0.1, 0.8, (n, 2))
    best[:, 0] *= 1.5
    for step in range(25):
        p = best + rng.normal(0, 0.02, (n, 2))
        if radii(p).sum() > 1.01 * radii(best).sum():
            best = p
    return np.c_[best, radii(best)]
