import numpy as np

def model(a, b, h, params):
    rate = params[0] * a ** 0.2
    rate *= np.exp(-0.3 * b)
    rate += params[1] * np.cos(3.0 * h)
    rate -= params[2] * np.log(b + 0.4) * a ** 0
    return rate
