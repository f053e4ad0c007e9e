import numpy as np

def construct(times, previous=None):
    rng = np.random.default_rng(1)
    key = (1.5 - 0.6 * np.arange(5)) @ times
    best = np.argsort(key + 20.0)
    for trial in range(8):
        new = np.argsort(key + rng.normal(0, 90, 20))
        if span(times, new) < span(times, best):
            best = new
    return best

def span(times, order):
    t = 6 * [0]
    for job in times.T[order]:
        for m, work in enumerate(job):
            t[m + 1] = max(t[m], t[m + 1]) + work
    return t[5]
