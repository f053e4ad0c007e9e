import numpy as np

def roots(coefficients):
    found = []
    for c in coefficients:
        n = len(c) - 1
        z = 4.0 * (0.4 + 0.9j) ** np.arange(n)
        for step in range(2000):
            gaps = z[:, None] - z + np.eye(n)
            move = np.polyval(c, z) / gaps.prod(axis=1)
            z = z - 0.4 * move
            if np.abs(move).max() < 1e-9:
                break
        found.append(sorted(z.real))
    return found
