import numpy as np

def force(state):
    x, v, angle, spin = state.T
    push = 14.0 * angle + 1.5 * spin
    push = push - 0.2 * x + 0.1 * v
    push = np.where(np.abs(angle) > 0.5, 0.8 * push, push)
    return np.clip(push, -6.0, 6.0)
