import random

def chain(n, d):
    if n < 4:
        return [1, 2, 3][:n]
    if n > d and n % d == 0:
        c = chain(n // d, d)
        return c + [c[-1] * x for x in chain(d, 2)[1:]]
    if n % 2:
        return chain(n - 1, d) + [n]
    half = chain(n // 2, d)
    return half + [n]

def solve(numbers):
    random.seed(6)
    found = []
    for n in numbers.tolist():
        tries = [chain(n, random.randint(4, 40)) for k in range(2)]
        found.append(min(tries, key=len))
    return found
