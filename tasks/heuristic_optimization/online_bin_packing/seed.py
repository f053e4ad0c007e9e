import numpy as np

def priority(item, space):
    left = space - item
    score = -0.5 * np.sqrt(left)
    score += 8.0 * (left > 6) * (left < 20)
    score -= 4.0 * (left > 50 - 0.3 * item)
    return score
