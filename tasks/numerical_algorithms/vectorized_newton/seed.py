import numpy as np

def construct(n, power, previous=None):
    edges = 1.0 + (2.0 ** power - 1.0) * (np.arange(n) / n) ** 1.15
    rows = []
    for k, left in enumerate(edges):
        middle = left * 1.12 + 0.03
        value = middle ** (-1 / power)
        slope = -0.8 / power * value / middle
        rows.append([left, value + 0.01, slope])
    return rows
