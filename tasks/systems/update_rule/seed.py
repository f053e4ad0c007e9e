import numpy as np

def update(gradient, state, step):
    first = 0.5 * state[:, 0] + 0.5 * gradient
    second = 0.9 * state[:, 1] + 0.1 * gradient ** 2
    rate = 0.02 / (1.0 + 0.05 * step)
    change = -rate * first / (np.sqrt(second) + 0.3)
    return np.stack([change, first, second], axis=1)
