import numpy as np

def allocate(start, end, cost, registers):
    out = np.full(start.shape, -1)
    for b, s in enumerate(start):
        e, c = end[b], cost[b]
        busy = np.zeros(registers)
        for v in np.argsort(s + 0.3 * e - 0.2 * c):
            worth = c[v] / (1.0 + e[v] - s[v])
            i = np.argmin(busy - 40.0 * (busy <= s[v]))
            if busy[i] <= s[v] and worth > 0.2:
                out[b, v] = i
                busy[i] = max(busy[i], e[v] + 0.5)
    return out
