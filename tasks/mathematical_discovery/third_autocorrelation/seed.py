import numpy as np

def ratio(a):
    return max(np.convolve(a, a)) / sum(a) ** 2

def construct(n, previous=None):
    rng = np.random.default_rng(6)
    best = 2 - np.linspace(-1, 1, 50) ** 2
    width = 0.2
    for step in range(30):
        a = best.copy()
        a[rng.integers(50, size=8)] -= width * rng.normal()
        if ratio(a) < ratio(best):
            best = a
    return best
