import numpy as np

def construct(q, n, previous=None):
    rng = np.random.default_rng(6)
    words = np.indices([q] * n).reshape(n, -1).T
    best = words
    for trial in range(2):
        left, code = words, []
        while len(left):
            tries = words[rng.integers(q ** n, size=2)]
            far = (left != tries[:, None]).sum(axis=2) > 1
            i = far.sum(axis=1).argmin()
            code.append(tries[i])
            left = left[far[i]]
        best = min(best, code, key=len)
    return np.array(best)
