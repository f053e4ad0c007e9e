import numpy as np

def construct(n, end, previous=None):
    share = (np.arange(n) + 1.0) / n
    early = end * share ** 4.0
    late = end * (0.9 * share + 0.1 * share ** 2)
    times = 0.7 * early + 0.3 * late
    times += 0.001 * end * np.sin(3.0 * share)
    return np.sort(times) * (end / times.max())
