import itertools as it
import numpy as np

def bad(a, k, c):
    q = np.array([*it.combinations(range(len(a)), k)])
    same = a[q[:, :, None], q[:, None]] == c
    return (same.sum((1, 2)) >= k * (k - c)).sum()

def construct(n, s, t, previous=None):
    rng = np.random.default_rng(4)
    best, low = 0, 1e9
    for step in range(4):
        a = np.triu(best ^ (rng.random((n, n)) < 0.25), 1)
        a += a.T
        cost = bad(a, s, 1) + bad(a, t, 0)
        if cost < low:
            best, low = a, cost
    return best
