import numpy as np

def far(edges, n, k):
    a = np.eye(n)
    a[edges[:, 0], edges[:, 1]] = 1
    return (np.linalg.matrix_power(a + a.T, k) == 0).sum()

def construct(n, d, k, previous=None):
    rng = np.random.default_rng(9)
    best = rng.permutation(n * d).reshape(-1, 2) % n
    for step in range(20):
        edges = best.copy()
        i, j = rng.integers(len(edges), size=2)
        edges[[i, j], 1] = edges[[j, i], 1]
        if far(edges, n, k) < far(best, n, k):
            best = edges
    return best
