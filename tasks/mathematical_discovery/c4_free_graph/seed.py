import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(8)
    best = np.zeros((n, n), int)
    for step in range(2):
        a = best * (rng.random((n, n)) < 0.5)
        a = a + a.T
        for i, j in rng.integers(n, size=(7 * n, 2)):
            if i < j and a[i] @ a @ a[j] == 0:
                a[i, j] = a[j, i] = 1
        if a.sum() >= 2 * best.sum():
            best = np.triu(a)
    return np.argwhere(best)
