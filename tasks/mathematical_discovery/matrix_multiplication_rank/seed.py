import numpy as np

def construct(m, n, p, r, previous=None):
    rng = np.random.default_rng(3)
    t = np.einsum("ac,bd,ef->abdecf", *map(np.eye, (m, n, p)))
    t = t.reshape(m * n, n * p, -1)
    x, low = rng.normal(0, 0.3, (r, sum(t.shape))).round(), 1e9
    for k in range(200):
        y = x.copy()
        y.flat[rng.integers(y.size)] = rng.integers(3) - 1
        u, v, w, _ = np.hsplit(y, np.cumsum(t.shape))
        e = ((t - np.einsum("ri,rj,rk", u, v, w)) ** 2).sum()
        if e < low:
            x, low = y, e
    return x
