import numpy as np

def solve(points):
    rng = np.random.default_rng(3)
    x, y = points.T - 0.5
    best = np.argsort(np.arctan2(y, x + 0.1) + 0.4 * x, 0).T
    for k in range(40):
        i, j = sorted(rng.integers(30, size=2))
        new = best.copy()
        new[:, i:j] = best[:, i:j][:, ::-1]
        good = far(points, new) < far(points, best)
        best[good] = new[good]
    return best

def far(p, t):
    q = np.take_along_axis(p, t[..., None], 1)
    return np.hypot(*(q - np.roll(q, 1, 1)).T).sum(0)
