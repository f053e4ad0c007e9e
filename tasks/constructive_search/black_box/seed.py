import numpy as np

def propose(points, values, progress):
    rng = np.random.default_rng(int(1000 * progress) + 5)
    count, k, width = points.shape
    if k == 0:
        return rng.uniform(-3.0, 3.0, (count, 20, width))
    center = points[:, :8].mean(axis=1, keepdims=True)
    step = 2.0 * (1 - 0.2 * progress)
    return center + step * rng.normal(size=(count, 20, width))
