import random

def ball(w):
    return {w[:i] + w[i + 1:] for i in range(len(w))}

def construct(n, previous=None):
    random.seed(3)
    best = []
    for step in range(2):
        code = [w for w in best if random.random() < 0.4]
        used = set().union(*map(ball, code))
        for k in range(4 * n):
            w = tuple(random.choices((0, 1), (0.6, 0.4), k=n))
            if not ball(w) & used:
                code.append(w)
                used |= ball(w)
        best = max(best, code, key=len)
    return best
