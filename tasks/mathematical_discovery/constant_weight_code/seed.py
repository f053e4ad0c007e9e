import random

def construct(n, w, previous=None):
    random.seed(5)
    best = []
    for step in range(2):
        code = [b for b in best if random.random() < 0.5]
        for trial in range(4 * n):
            block = set(random.sample(range(n), w))
            if all(len(block & set(b)) < w - 1 for b in code):
                code.append(sorted(block))
        best = max(best, code, key=len)
    return best
