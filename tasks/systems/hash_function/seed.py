import numpy as np

def construct(n, previous=None):
    rng = np.random.default_rng(4)
    steps = []
    for i in range(n):
        if i % 3 == 1:
            steps.append([1, 2 * int(rng.integers(1000)) + 9])
        else:
            steps.append([0, 1 + (7 * i) % 5 + 12 * (i < 1)])
    return steps
