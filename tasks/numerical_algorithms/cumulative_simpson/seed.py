import numpy as np

def integrate(y, dx):
    rows, n = y.shape
    out = np.zeros((rows, n))
    strip = 4
    for top in range(0, rows, strip):
        part = y[top:top + strip]
        for i in range(n - 1):
            a = i if i % 2 == 0 and i + 2 < n else i - 1
            w = (5, 8, -1) if a == i else (-1, 8, 5)
            area = part[:, a:a + 3] @ np.array(w) / 12 * dx
            out[top:top + strip, i + 1] = out[top:top + strip, i] + area
    return out
