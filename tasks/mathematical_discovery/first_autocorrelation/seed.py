import numpy as np

def ratio(a):
    return max(np.convolve(a, a)) / sum(a) ** 2

def construct(n, previous=None):
    rng = np.random.default_rng(1)
    x = np.linspace(0, 1, 30)
    best = 1 + 0.5 * x ** 2
    for step in range(40):
        a = rng.normal(best, 0.1).clip(0.2)
        if ratio(a) < ratio(best):
            best = a
    return best
