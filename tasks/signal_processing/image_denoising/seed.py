import numpy as np

def denoise(images):
    x = images.copy()
    for step in range(2):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), "edge")
        rows = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1]
        columns = padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
        mean = 0.26 * (rows + columns)
        x = 0.7 * x + 0.3 * mean
    return np.clip(0.98 * x, 0.1, 0.9)
