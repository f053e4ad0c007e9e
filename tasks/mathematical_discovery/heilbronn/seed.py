import numpy as np
from itertools import combinations

def smallest(p):
    t = np.array(list(combinations(p, 3)))
    u, v = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
    return abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).min()

def construct(n, previous=None):
    rng = np.random.default_rng(5)
    best = 0.5 * rng.random((n, 2))
    for step in range(12):
        p = best + 0.02 * rng.normal(size=(n, 2))
        p = p.clip(0.01, 0.49)
        if smallest(p) > smallest(best):
            best = p
    return best
