import numpy as np

def radii(p):
    gap = np.hypot(*(p[:, None] - p).T) + np.eye(len(p))
    wall = np.minimum(p, 1 - p)
    return np.minimum(gap / 2, wall.min(1)).min(0)

def construct(n, previous=None):
    rng = np.random.default_rng(1)
    best = rng.uniform(0.2, 0.8, (n, 2))
    for step in range(40):
        p = rng.normal(best, 0.01)
        if sum(radii(p)) > sum(radii(best)):
            best = p
    return np.c_[best, radii(best)]
