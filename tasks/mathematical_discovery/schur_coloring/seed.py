import random

def construct(k, previous=None):
    random.seed(8)
    best = []
    for trial in range(2):
        word = []
        while len(word) < 300:
            sums = {a for a, b in zip(word, word[::-1]) if a == b}
            free = set(range(k)) - sums
            if not free:
                break
            rank = {c: 0.4 * c + 3 * random.random() for c in free}
            word.append(min(rank, key=rank.get))
        best = max(best, word, key=len)
    return best
