import numpy as np

def predict(history):
    last = history[:, -1]
    if history.shape[1] < 4:
        return last
    recent = history[:, -3:].mean(axis=1)
    older = history[:, -9:-3].mean(axis=1)
    guess = 0.3 * last + 0.3 * recent + 0.4 * older
    return guess + 0.05 * (last - history[:, -2])
