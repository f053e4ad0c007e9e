import numpy as np

def divide(edges, n, k):
    near = np.zeros((n, n))
    near[edges[:, 0], edges[:, 1]] = 1
    near += near.T
    heat = np.zeros(n)
    heat[0] = 5.0
    for step in range(10):
        flow = near @ heat / near.sum(axis=1)
        heat = 0.8 * heat + 0.1 * flow
    part = np.zeros(n, int)
    part[np.argsort(heat)] = np.arange(n) * k // n
    return part
