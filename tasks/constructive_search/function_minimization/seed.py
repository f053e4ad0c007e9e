import numpy as np

def propose(points, values):
    count, k = values.shape
    rng = np.random.default_rng(k + 3)
    new = rng.uniform(-3.0, 3.0, (count, 5, 2))
    if k > 20:
        best = values.argmin(axis=1)
        center = points[np.arange(count), best][:, None]
        step = 1.5 * 0.99 ** k
        new[:, :2] = center + step * rng.normal(size=(count, 2, 2))
    return new
