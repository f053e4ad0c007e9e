import numpy as np

def cluster(points, k):
    out = []
    for x in points:
        mid = x[np.arange(k) * 7 + 3].copy()
        for step in range(3):
            far = ((x[:, None] - mid) ** 2).sum(axis=2)
            near = far.argmin(axis=1)
            for i in range(k):
                mine = x[near == i]
                if len(mine) > 2:
                    mid[i] += 0.5 * (mine.mean(0) - mid[i])
        gap = far.min(axis=1)
        near[gap > 0.6 * gap.max()] = -1
        out.append(near)
    return np.array(out)
