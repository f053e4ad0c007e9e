import numpy as np

def weigh(history, results, k, last):
    count, turns, n = history.shape
    rng = np.random.default_rng(turns + 3)
    score = (history * results[:, :, None]).sum(axis=1)
    if last:
        score = score - 0.1 * history.sum(axis=1)
        order = np.argsort(-score, axis=1)
        parts = np.zeros((count, n), int)
        np.put_along_axis(parts, order, np.arange(n)[None] % k, 1)
        return parts
    draw = rng.random((count, n)) + 0.01 * score
    return (draw < 0.2) * 1 - (draw > 0.9) * 1
