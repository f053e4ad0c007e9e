import numpy as np

def detect(signal):
    width = 4
    sums = np.cumsum(np.concatenate([[0.0], signal]))
    mean = (sums[width:] - sums[:-width]) / width
    jump = np.abs(mean[width:] - mean[:-width])
    limit = 2.0 * np.median(jump) + 0.02
    found = []
    for p in np.argsort(-jump)[:40]:
        if jump[p] > limit and all(abs(p - q) > 3 for q in found):
            found.append(int(p))
    return [q + width for q in found]
