import random
from itertools import combinations

def construct(v, k, t, previous=None):
    random.seed(7)
    blocks, left = [], set(combinations(range(v), t))
    every = list(combinations(range(v), k))
    for need in 3.5, 1.5, 0:
        for b in random.sample(every, len(every)):
            gain = left.intersection(combinations(b, t))
            if gain and len(gain) > need - 2.5 * random.random():
                blocks.append(b)
                left -= gain
    return blocks
