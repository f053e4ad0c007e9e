import random

def ends(word, c, k):
    steps = range(1, 1 + len(word) // (k - 1))
    return any(set(word[d - d * k::d]) == {c} for d in steps)

def construct(a, b, previous=None):
    random.seed(2)
    best = []
    for trial in range(2):
        word, free = [], [0]
        while free and len(word) < 300:
            word.append(free[-(random.random() < 0.6)])
            free = [c for c in (0, 1) if not ends(word, c, (a, b)[c])]
        best = max(best, word, key=len)
    return best
