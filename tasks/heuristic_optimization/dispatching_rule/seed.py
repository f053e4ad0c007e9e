import numpy as np

def priority(time, rest, slack, weight, waited):
    score = 0.3 * waited + 0.1 * rest
    score = score - 2.0 * np.sqrt(time + 9.0)
    score += 1.5 * weight * (slack < 40)
    score -= 12.0 * (slack > 0.5 * rest + 60)
    return score
