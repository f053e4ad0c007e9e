import numpy as np

def choose(across, down, k):
    side = down.shape[2]
    rng = np.random.default_rng(4)
    chosen = []
    for b in range(len(down)):
        best, far = None, -1.0
        for trial in range(3):
            at = rng.integers(0, side, (k, 2)) * 0.7 + 2.0
            gaps = np.abs(at[:, None] - at).sum(axis=2)
            apart = (gaps + 9.0 * np.eye(k)).min()
            if apart > far:
                best, far = at.astype(int), apart
        chosen.append(best[:, 0] * side + best[:, 1])
    return chosen
