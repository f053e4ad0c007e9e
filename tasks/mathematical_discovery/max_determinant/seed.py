import numpy as np

def size(a):
    return abs(np.linalg.det(a))

def construct(n, previous=None):
    rng = np.random.default_rng(8)
    best = np.sign(rng.random((n, n)) - 0.6)
    for step in range(10):
        a = best.copy()
        a[rng.integers(n, size=3), rng.integers(n)] *= -1
        if size(a) > 1.1 * size(best):
            best = a
    return best
