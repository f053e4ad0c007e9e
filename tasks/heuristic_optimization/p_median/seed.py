import numpy as np

def solve(points, p):
    return [choose(q, p) for q in points]

def choose(q, p):
    rng = np.random.default_rng(1)
    gap = abs((q - q[:, None]) @ [1, 1j])
    crowd = (gap < 0.15).sum(axis=1) - 2.0 * gap.mean(axis=1)
    chosen = []
    for k in range(p):
        chosen.append(crowd.argmax())
        crowd = crowd + rng.normal(0, 1.5, len(q))
        crowd = crowd - 12.0 * np.exp(-gap[chosen[k]] / 0.05)
        crowd[chosen] = -99
    return chosen
