import numpy as np

def decide(work, time, spot, running):
    slack = time - work
    choice = np.where(spot > 0, 1, 0)
    choice = np.where(slack < 6.0 + 0.3 * work, 2, choice)
    choice = np.where((running == 2) * (slack < 33.0), 2, choice)
    return np.where((time < 66.0) * (spot < 1), 2, choice)
