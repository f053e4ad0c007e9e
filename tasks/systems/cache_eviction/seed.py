import numpy as np

def keep(age, hits, seen):
    score = -0.1 * np.minimum(age, 20)
    score = score + 2.5 * (hits > 4) * (age < 6)
    score -= 0.3 * np.log(seen + 1.0)
    score += 1.5 * (age > 40) * (hits < 3)
    return score
