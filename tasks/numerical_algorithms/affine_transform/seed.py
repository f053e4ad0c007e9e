import numpy as np

def warp(f, matrix, offset):
    n = len(f)
    out = np.zeros((n, n))
    strip = 2
    for top in range(0, n, strip):
        i = np.mgrid[top:min(top + strip, n), 0:n]
        p = (i.T @ matrix.T + offset).T
        ok = ((p >= 0) & (p < n - 1)).all(axis=0)
        y, x = q = np.where(ok, p, 0).astype(int)
        b, a = p - q
        up = f[y, x] * (1 - a) + f[y, x + 1] * a
        dn = f[y + 1, x] * (1 - a) + f[y + 1, x + 1] * a
        out[top:top + strip] = ok * (up + b * (dn - up))
    return out
