import random

def construct(n, previous=None):
    random.seed(10)
    found = []
    for k in range(25):
        v = [0] * n
        for i in random.sample(range(n), 3):
            v[i] = random.choice([-1, 1])
        close = [sum(map(int.__mul__, v, w)) for w in found]
        if max(close, default=0) <= 1:
            found.append(v)
    return found
