import numpy as np

def invariant(x, y):
    q = 0.2 * y ** 2
    q += 0.9 * np.abs(x) ** 1.5
    q -= 0.4 * np.log(np.abs(x * y) + 2.0)
    q += 0.3 * x
    return q
