import numpy as np

def solve(values, weights, capacities):
    return [fill(*one) for one in zip(values, weights, capacities)]

def fill(value, weight, capacity):
    need = weight.max(axis=0) + 0.2 * weight.sum(axis=0)
    score = value - 0.5 * need + 40.0 * (value > 700)
    taken = np.zeros(len(value), int)
    for item in np.argsort(-score):
        taken[item] = 1
        if np.any(weight @ taken > 0.99 * capacity - 3):
            taken[item] = 0
    return taken
