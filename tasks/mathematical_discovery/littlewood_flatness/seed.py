import numpy as np

def peak(s):
    return abs(np.fft.fft(s, 2 * len(s))).max()

def construct(n, previous=None):
    rng = np.random.default_rng(5)
    best = np.where(rng.random(n) < 0.4, -1, 1)
    for step in range(20):
        s = best.copy()
        s[rng.integers(n, size=3)] *= -1
        if peak(s) < peak(best):
            best = s
    return best
