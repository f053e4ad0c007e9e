import numpy as np

def construct(n, previous=None):
    x = np.linspace(0.05, 1.0, 30) ** 0.8
    basis = np.stack([x ** (2 * k) for k in range(n // 2 + 1)], axis=1)
    q = np.ones(len(x))
    for step in range(2):
        w = (1 / np.maximum(q, 0.01)) ** 0.5 / (0.3 + x)
        rows = np.hstack([basis, -x[:, None] * basis[:, 1:]])
        c = np.linalg.lstsq(w[:, None] * rows, w * x, 1e-3)[0]
        top, low = c[:n // 2 + 1], np.append(1.0, c[n // 2 + 1:])
        q = basis @ low
    return [top, low]
