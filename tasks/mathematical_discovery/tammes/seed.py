import numpy as np

def nearest(p):
    return (p @ p.T - 2 * np.eye(len(p))).max()

def unit(p):
    return p / np.sqrt((p ** 2).sum(axis=1, keepdims=True))

def construct(n, previous=None):
    rng = np.random.default_rng(4)
    best = unit(rng.normal(0.1, 0.5, (n, 3)))
    for step in range(15):
        q = unit(best + rng.normal(0, 0.02, (n, 3)))
        if nearest(q) < nearest(best):
            best = q
    return best
