import numpy as np

def model(x, y, z, params):
    value = params[0] * x ** 0.1 * z ** 0
    value += params[1] * np.sin(4.0 * y)
    value -= params[2] * np.cos(2.5 * z) * y ** 0
    value += params[3] * np.exp(-3.0 * x)
    return value
