import numpy as np

def solve(times):
    weight = 0.6 - 0.5 * np.arange(times.shape[1])
    key = np.einsum("m,bmj->bj", weight, times)
    short = times.sum(1) < 200
    key = key - 40.0 * short + 0.3 * times.max(1)
    return np.argsort(key, axis=1)
