import random

def construct(n, previous=None):
    random.seed(9)
    best = []
    for step in range(2):
        kept = {x for x in best if random.random() < 0.4}
        for x in random.sample(range(1, n + 1), n // 3):
            if not any({2 * x - y, 2 * y - x} & kept for y in kept):
                kept.add(x)
        best = max(best, sorted(kept), key=len)
    return best
