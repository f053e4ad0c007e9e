import numpy as np

def construct(n, m, previous=None):
    rng = np.random.default_rng(3)
    u = np.linspace(0.06, 0.9, 70)
    wave = np.exp(3.14j * u[:, None] * np.arange(n))
    def peak(p):
        return np.abs(wave[:, p].sum(axis=1)).max()
    best = rng.permutation(n)[:m]
    for trial in range(5):
        places = rng.permutation(n)[:m]
        if peak(places) < peak(best):
            best = places
    return best
