import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(4)
    rows = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    net = []
    for step in range(60 * n):
        i = rng.integers(n - 1)
        j = min(n - 1, i + 1 + rng.integers(3))
        swap = rows[:, i] > rows[:, j]
        if swap.mean() > 0.3 * rng.random() ** 8:
            net.append((i, j))
            rows[swap, i], rows[swap, j] = 0, 1
    return net
