import numpy as np

def model(n, d, params):
    loss = params[0] * 1.0
    loss = loss + params[1] / (n + 0.5)
    loss += params[2] * np.exp(-0.4 * d)
    loss += params[3] * (n * d + 0.3) ** -0.9
    return loss
