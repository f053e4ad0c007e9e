import numpy as np

def construct(n, previous=None):
    k = np.arange(n) - (n - 1) / 2
    cutoff = 0.22
    taps = 2 * cutoff * np.sinc(2 * cutoff * k)
    window = 0.8 + 0.2 * np.cos(2.6 * k / n)
    taps = taps * window
    return np.rint(20.0 * taps / taps.max())
