import numpy as np

def ratio(a):
    c = np.convolve(a, a)
    return sum(c ** 2) / sum(c) / max(c)

def construct(n, previous=None):
    rng = np.random.default_rng(2)
    x = np.linspace(-1, 1, 40)
    best = 0.3 + abs(x - 0.2) ** 1.5
    for step in range(15):
        a = abs(best + rng.normal(0, 0.03, 40))
        if ratio(a) > ratio(best):
            best = a
    return best
