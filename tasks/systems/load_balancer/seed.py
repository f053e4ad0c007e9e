import numpy as np

def cost(jobs, speed, size, idle):
    score = 0.3 * jobs / (speed + 2.0)
    score += 0.2 * np.abs(speed - 0.9)
    score -= 0.15 * np.minimum(idle, 6) * (jobs < 3)
    score += 0.01 * size * (jobs > 1)
    return score
