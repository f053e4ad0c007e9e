import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(6)
    x, y = np.indices((n, n))
    best, most = x * 0, 0
    for step in range(3):
        far = abs(x - rng.random() * n) + 0.7 * abs(y - 2)
        white = far < 0.1 * n + rng.random()
        hit = white
        for line in x, y, x - y, x + y:
            hit = hit | np.isin(line, line[white])
        size = min(white.sum(), (~hit).sum())
        if size >= most:
            best, most = white + 2 * ~hit, size
    return best
