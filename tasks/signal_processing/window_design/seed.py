import numpy as np

def construct(n, previous=None):
    x = np.linspace(-1.0, 1.0, n)
    weights = 0.7 + 0.3 * np.cos(2.4 * x)
    weights -= 0.05 * np.abs(x) ** 1.5
    return weights
