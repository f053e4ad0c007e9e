import numpy as np

def follow(windows):
    weights = 0.97 ** np.arange(16)[::-1]
    mean = (windows * weights).sum(axis=1) / weights.sum()
    trend = windows[:, -3:].mean(axis=1) - windows[:, :3].mean(axis=1)
    return 0.95 * mean + 0.1 * np.tanh(0.3 * trend)
