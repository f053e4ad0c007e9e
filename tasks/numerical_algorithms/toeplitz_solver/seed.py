import numpy as np

def solve(columns, sides):
    answers = []
    for c, b in zip(columns, sides):
        n = len(b)
        x = 1.0 * b
        lags = np.abs(np.arange(n)[:, None] - np.arange(n))
        for step in range(500):
            matrix = c[lags]
            residue = b - matrix @ x
            x = x + 0.3 / c[0] * residue
            if np.abs(residue).max() < 1e-11:
                break
        answers.append(x)
    return np.array(answers)
