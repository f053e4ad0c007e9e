import numpy as np

def order(rows, selectivity):
    out = []
    for size, joins in zip(rows, selectivity):
        links = (joins < 0.9).sum(axis=1)
        rank = 0.8 * np.log(size) + 0.2 * links
        plan = [int(np.argmin(rank))]
        rank[plan] = 9e9
        while len(plan) < len(size):
            near = np.log(joins[plan]).sum(axis=0)
            plan.append(int(np.argmin(rank + 0.15 * near)))
            rank[plan[-1]] = 1e9 + 2 * len(plan)
        out.append(plan)
    return np.array(out)
