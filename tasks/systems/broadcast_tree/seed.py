import numpy as np

def broadcast(price, rate, wanted):
    out = np.full((len(price), 2, len(wanted[0])), -1)
    for b, cost in enumerate(price):
        length = cost + 0.6 / rate[b]
        for part in range(2):
            tree = [0 * part]
            for v in np.argsort(length[0]):
                if wanted[b, v] and v > 0:
                    near = length[tree, v]
                    near[1:] += 0.7 + 0.1 * len(tree)
                    out[b, part, v] = tree[near.argmin()]
                    tree.append(v)
    return out
