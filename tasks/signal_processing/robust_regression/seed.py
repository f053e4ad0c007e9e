import numpy as np

def fit(X, y):
    weight = np.ones(y.shape)
    for step in range(2):
        Xw = (X * weight[:, :, None]).transpose(0, 2, 1)
        gram = Xw @ X + 0.1 * np.eye(X.shape[2])
        c = np.linalg.solve(gram, Xw @ y[:, :, None])[:, :, 0]
        error = np.abs(y - (X @ c[:, :, None])[:, :, 0])
        weight = 1.0 / (3.0 + error ** 1.0)
    return c
