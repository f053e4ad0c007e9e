import numpy as np

def project(points):
    strip = 2
    done = []
    for top in range(0, len(points), strip):
        y = points[top:top + strip]
        a = y.min(axis=1, keepdims=True) - 1.0
        b = y.max(axis=1, keepdims=True) + 0.5
        for halving in range(50):
            cut = 0.5 * (a + b)
            much = np.maximum(y - cut, 0.0).sum(1)[:, None] > 1
            a = np.where(much, cut, a)
            b = np.where(much, b, cut)
        done.append(np.maximum(y - a, 0))
    return np.concatenate(done)
