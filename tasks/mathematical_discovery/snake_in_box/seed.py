import random

def roll(v):
    return random.random() + 0.1 * bin(v).count("1") + 0.02 * v

def construct(n, previous=None):
    random.seed(4)
    best = []
    for trial in range(2):
        path, seen, free = [], {0}, {0: 0}
        while free:
            path.append(max(free, key=free.get))
            near = [path[-1] ^ 2 ** b for b in range(n)]
            free = {v: roll(v) for v in near if v not in seen}
            seen.update(near)
        best = max(best, path, key=len)
    return best
