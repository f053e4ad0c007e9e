import numpy as np

def index(branch, history):
    recent = history % 4
    first = 5 * recent + branch % 7
    second = 3 * branch + 11 * (history % 2)
    third = (history // 64) + 2 * (branch % 3)
    return np.array([first, second, third]) % 128
