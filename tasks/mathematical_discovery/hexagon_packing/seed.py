import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(6)
    c = rng.uniform(-3, 3, (n, 2))
    for step in range(10):
        gap = c[:, None] - c
        far = np.hypot(gap[:, :, 0], gap[:, :, 1])
        c += 0.05 * (gap * (far < 1.8)[:, :, None]).sum(axis=1)
        c *= 0.98
    angle = rng.uniform(0, 1.0, n)
    return np.c_[c, angle]
