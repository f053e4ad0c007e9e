import numpy as np

def beats(signal):
    width = 6
    smooth = np.convolve(signal, np.ones(width) / width, "same")
    x = np.abs(signal - smooth)
    limit = 1.5 * x.mean() + 0.4 * x.std()
    found = []
    for i in np.argsort(-x)[:60]:
        far = all(abs(i - j) > 20 for j in found)
        if x[i] > limit and far:
            found.append(int(i))
    return found
