import random

def construct(n, previous=None):
    random.seed(5)
    best = None
    for trial in range(3):
        marks, used = [0], set()
        x = 0
        while len(marks) < n:
            x += random.randint(1, 6)
            gaps = {x - m for m in marks}
            if not gaps & used:
                used |= gaps
                marks.append(x)
        if best is None or x < best[-1]:
            best = marks
    return best
