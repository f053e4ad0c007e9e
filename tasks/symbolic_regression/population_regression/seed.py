import numpy as np

def model(n, s, w, params):
    rate = params[0] * n
    rate -= params[1] * n ** 1.5 * s ** 0
    rate += params[2] * np.sqrt(s + 0.1)
    rate += params[3] * np.sin(2.5 * w)
    return rate
