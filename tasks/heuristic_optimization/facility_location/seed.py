import numpy as np

def solve(opening, service):
    return [choose(*one) for one in zip(opening, service)]

def choose(fee, way):
    rng = np.random.default_rng(4)
    key = fee + 0.5 * np.quantile(way, 0.2, 1)
    best = key < np.sort(key + rng.normal(0, 400, len(fee)))[9]
    for trial in range(4):
        new = best ^ (rng.random(len(fee)) < 0.1)
        if new.any() and cost(fee, way, new) < cost(fee, way, best):
            best = new
    return best * 1

def cost(fee, way, on):
    return fee[on].sum() + way[on].min(0).sum()
