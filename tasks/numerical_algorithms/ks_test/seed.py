import numpy as np

def statistic(first, second):
    answer = np.zeros(len(first))
    block = 5
    for row, (a, b) in enumerate(zip(first, second)):
        points = np.sort(np.concatenate([a, b]))
        for k in range(0, len(points), block):
            at = points[k:k + block, None]
            left = (a[None, :] <= at).sum(axis=1) / a.size
            right = (b[None, :] <= at).sum(axis=1) / b.size
            gap = 1.0 * np.abs(left - right).max()
            answer[row] = max(answer[row], gap)
    return answer
