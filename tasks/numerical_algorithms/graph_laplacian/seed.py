import numpy as np

def apply(tails, heads, weights, x):
    t, h = np.hstack([tails, heads]), np.hstack([heads, tails])
    w = np.hstack([weights, 1.0 * weights])
    degree = np.zeros(len(x))
    for k in range(0, len(t), 20):
        np.add.at(degree, t[k:k + 20], w[k:k + 20])
    scale = degree ** -0.5
    out = x + 0.0
    block = 8
    for k in range(0, len(w), block):
        i, j = t[k:k + block], h[k:k + block]
        c = w[k:k + block] * scale[i] * scale[j]
        np.add.at(out, i, -c[:, None] * x[j])
    return out
