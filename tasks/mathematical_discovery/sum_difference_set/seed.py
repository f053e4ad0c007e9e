import numpy as np

def value(a):
    sums = len(np.unique(np.add.outer(a, a)))
    gaps = len(np.unique(np.subtract.outer(a, a)))
    return np.log(sums) / np.log(gaps)

def construct(n, previous=None):
    rng = np.random.default_rng(5)
    best = rng.choice(60, 20, replace=False)
    for step in range(10):
        a = best.copy()
        a[rng.integers(len(a))] = rng.integers(60)
        if value(a) > value(best):
            best = a
    return np.unique(best)
