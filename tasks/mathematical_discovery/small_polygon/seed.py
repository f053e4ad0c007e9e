import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(8)
    turn = np.arange(n) * 0.5
    radius = 0.4 + 0.1 * np.sin(3 * turn)
    for step in range(4):
        turn += rng.normal(0, 0.05, n)
        radius += 0.03 * rng.random(n)
    x = radius * np.cos(turn)
    y = 0.8 * radius * np.sin(turn)
    return np.c_[x, y]
