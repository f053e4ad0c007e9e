import numpy as np

def solve(depot, points, demand):
    rng = np.random.default_rng(3)
    x, y = (points - depot[:, None] - 0.1).T
    angle = np.arctan2(y, x + 0.2 * y).T
    reach = np.hypot(x, y).T
    key = angle + 1.5 * np.round(3.0 * reach) + 0.02 * demand
    key = key + rng.normal(0, 0.5, key.shape)
    return np.argsort(key, axis=1)
