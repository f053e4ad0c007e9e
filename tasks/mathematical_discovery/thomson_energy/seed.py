import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(3)
    p = rng.normal(size=(n, 3))
    for i in range(6):
        p /= np.linalg.norm(p, axis=1)[:, None]
        gap = p[:, None] - p
        dist = np.linalg.norm(gap, axis=2) + np.eye(n)
        push = gap / dist[:, :, None] ** 4
        p += 0.01 * push.sum(axis=1)
    return p
