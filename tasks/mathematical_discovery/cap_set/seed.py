import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(7)
    points = np.indices([3] * n).reshape(n, -1).T
    best = points[:1]
    for step in range(3):
        cap = best[rng.random(len(best)) < 0.6]
        for p in rng.permutation(points)[:8 * n]:
            third = (p + cap[:, None] + cap) % 3
            if third.any(2).all():
                cap = np.vstack([cap, p])
        if len(cap) >= len(best):
            best = cap
    return best
