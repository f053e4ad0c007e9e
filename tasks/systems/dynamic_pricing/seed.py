import numpy as np

def price(day, prices, sold):
    last = np.full(len(prices), 5.0)
    if day > 0:
        last = prices[:, day - 1]
        change = np.where(sold[:, day - 1] > 3.5, 1.1, 0.95)
        last = last * change + 0.02
    return np.clip(last, 0.5, 8.0)
