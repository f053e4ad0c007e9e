import numpy as np

def solve(weights):
    rng = np.random.default_rng(6)
    spin = rng.normal(0.2, 1.0, weights.shape[:2])
    for step in range(2):
        pull = np.einsum("bij,bj->bi", weights, np.tanh(1.5 * spin))
        spin = 0.9 * spin - 0.05 * pull
    side = spin > 0.3
    flip = rng.random(side.shape) < 0.08
    return (side ^ flip) * 1
