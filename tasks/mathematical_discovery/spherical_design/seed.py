import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(7)
    height = np.linspace(-0.9, 0.9, n)
    turn = 1.7 * np.arange(n) + rng.normal(0, 0.2, n)
    ring = 0.9 * np.sqrt(1 - height ** 2)
    p = np.c_[ring * np.cos(turn), ring * np.sin(turn), height]
    for step in range(5):
        p += 0.05 * rng.normal(size=(n, 3))
        p -= 0.3 * p.mean(axis=0)
    return p
