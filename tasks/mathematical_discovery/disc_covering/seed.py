import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(1)
    probes = rng.uniform(-0.8, 0.8, (50, 2))
    best, least = None, 9.0
    for trial in range(4):
        c = rng.normal(0.1, 0.4, (n, 2))
        for i in range(3):
            gap = np.hypot(*(probes[:, None] - c).T).min(axis=0)
            c[i] += 0.2 * (probes[gap.argmax()] - c[i])
        if gap.max() < least:
            best, least = c, gap.max()
    return best
