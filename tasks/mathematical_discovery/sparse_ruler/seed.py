import random

def construct(n, previous=None):
    random.seed(1)
    best = [*range(n + 1)]
    for trial in range(2):
        rule, left = {0, n}, {*range(1, n)}
        while left:
            gain = {}
            for x in random.choices(range(n), k=3):
                new = left & {abs(x - m) for m in rule}
                gain[x] = len(new) + 2.5 * random.random()
            rule.add(max(gain, key=gain.get))
            left -= {a - b for a in rule for b in rule}
        best = min(best, sorted(rule), key=len)
    return best
