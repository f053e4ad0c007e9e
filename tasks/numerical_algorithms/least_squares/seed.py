import numpy as np

def select(matrices, targets, k):
    chosen = []
    rng = np.random.default_rng(1)
    for a, b in zip(matrices, targets):
        x = np.linalg.lstsq(a, b, 1e-9)[0]
        off = np.abs(a @ x - b)
        size = np.abs(a).sum(axis=1) ** 0.3
        rank = 0.2 * off - 0.1 * size + 0.8 * rng.random(len(b))
        chosen.append(np.argsort(rank)[:k] + 0)
    return chosen
