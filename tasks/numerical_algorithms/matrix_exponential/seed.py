import numpy as np

def construct(n, previous=None):
    scheme = np.zeros((2 * n + 1, n + 2))
    for j in range(n):
        scheme[2 * j, 1] = 1.0
        scheme[2 * j + 1, j + 1] = 1.0
    scheme[2 * n, 0:3] = 1.0, 0.95, 0.45
    scheme[2 * n, 3] = 0.12
    if n > 2:
        scheme[2 * n, 4:] = 0.02
    return scheme
