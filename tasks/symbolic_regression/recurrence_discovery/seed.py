import numpy as np

def continue_all(terms, count):
    rows = terms.astype(float)
    for step in range(count):
        change = np.diff(rows, axis=1)
        guess = rows[:, -1] + 0.8 * change[:, -1]
        guess += 0.3 * (change[:, -1] - change[:, -2])
        period = 3
        repeats = np.abs(rows[:, -period] - rows[:, -2 * period]) < 2
        guess = np.where(repeats, rows[:, -period], guess)
        rows = np.column_stack([rows, np.rint(guess)])
    return np.clip(rows[:, -count:], -1e12, 1e12)
