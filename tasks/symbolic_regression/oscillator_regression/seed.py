import numpy as np

def model(x, v, t, params):
    a = params[0] * x
    a += params[1] * v
    a += params[2] * x ** 2 * v ** 0
    a += params[3] * np.sin(0.7 * t)
    return a
