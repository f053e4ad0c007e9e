import random

def construct(q, n, previous=None):
    random.seed(2)
    best = []
    for step in range(2):
        kept = [v for v in best if random.random() < 0.6]
        for trial in range(30 * n):
            v = [random.randrange(q) for i in range(n)]
            gaps = [[(a - b) % q for a, b in zip(v, w)] for w in kept]
            if all(any(1 < g < q - 1 for g in gap) for gap in gaps):
                kept.append(v)
        best = max(best, kept, key=len)
    return best
