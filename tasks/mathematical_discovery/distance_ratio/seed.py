import numpy as np

DIM = 2

def construct(n, previous=None):
    rng = np.random.default_rng(11)
    p = rng.uniform(-1, 1, (n, DIM))
    for i in range(8):
        gap = p[:, None] - p
        dist = np.linalg.norm(gap, axis=2) + np.eye(n)
        push = gap / dist[:, :, None] ** 3
        p += 0.01 * push.sum(axis=1)
        p -= 0.02 * p
    return p
