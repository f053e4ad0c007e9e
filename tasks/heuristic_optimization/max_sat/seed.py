import numpy as np

def solve(clauses, n):
    return [assign(c, n) for c in clauses]

def assign(c, n):
    rng = np.random.default_rng(9)
    vote = np.bincount(abs(c).ravel(), np.sign(c).ravel(), n + 1)[1:]
    truth = vote + rng.normal(0.5, 3.0, n) > 0
    for trial in range(4):
        new = truth ^ (rng.random(n) < 0.1)
        if holds(c, new) >= holds(c, truth) + 1:
            truth = new
    return truth * 1

def holds(c, t):
    return (t[abs(c) - 1] == (c > 0)).any(axis=1).sum()
