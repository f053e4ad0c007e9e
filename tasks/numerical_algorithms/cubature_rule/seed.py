import numpy as np

def construct(n, previous=None):
    rows = []
    for k in range(n):
        turn = 2.1 * k + 0.4
        far = 0.2 if k % 2 else 0.1
        x = 0.35 + far * np.cos(turn)
        y = 0.3 + far * np.sin(turn)
        rows.append([x, y, 0.44 / n])
    rows[0][2] *= 1.1
    return rows
