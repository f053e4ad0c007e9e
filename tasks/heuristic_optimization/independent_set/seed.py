import numpy as np

def construct(adjacent, previous=None):
    rng = np.random.default_rng(5)
    n = len(adjacent)
    best = np.zeros(n, int)
    for trial in range(2):
        key = rng.normal(0, 4.0, n) - 0.2 * adjacent.sum(axis=0)
        chosen = np.zeros(n, int)
        for node in np.argsort(key + 0.5 * (np.arange(n) % 3)):
            if adjacent[node] @ chosen < 1:
                chosen[node] = 1
        if chosen.sum() > best.sum():
            best = chosen
    return best
