import numpy as np

def load(items):
    wide, high, worth = items.T
    order = np.argsort(-worth / (wide * 0.5 + high) ** 0.9)
    rows, x, y, tall = [], 0, 0, 0
    for i in order:
        if x + wide[i] > 100:
            x, y, tall = 0, y + tall, 0
        if y + high[i] > 100 or high[i] < 0.3 * tall:
            continue
        if x + wide[i] <= 100:
            rows.append([i, x, y, 0])
            x += wide[i]
            tall = max(tall, high[i])
    return np.array(rows).reshape(-1, 4)
