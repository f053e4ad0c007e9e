import numpy as np

def schedule(steps):
    t = np.arange(steps) / steps
    rate = 0.02 * (1.0 - 0.9 * t)
    rate = rate * np.minimum(1.0, 0.1 + 1.5 * t)
    momentum = 0.3 + 0.1 * t
    return np.array([rate, momentum])
