import numpy as np

def place(history, current):
    D, S = current.shape[1:]
    rows = []
    for trace in history:
        w = trace[-1] + 0.3 * trace[0]
        n = np.ones(len(w), int)
        while n.sum() < D * S:
            n[np.argmax((w + 900) / (n + 0.5))] += 1
        experts = np.repeat(np.arange(len(w)), n)
        heat = np.floor((w / n)[experts] / 250)
        order = np.argsort(-heat, kind="stable")
        rows.append(experts[order].reshape(S, D).T)
    return np.array(rows)
