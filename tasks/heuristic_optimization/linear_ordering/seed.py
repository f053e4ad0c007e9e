import numpy as np

def solve(weights):
    rng = np.random.default_rng(8)
    out = np.minimum(weights, 40).sum(axis=2)
    into = np.maximum(weights, 5).sum(axis=1)
    score = 0.3 * out - 0.2 * into
    noise = rng.normal(0, 1.5, score.shape) * score.std()
    score = score + noise - 0.1 * weights.max(axis=1)
    return np.argsort(-score, axis=1)
