import numpy as np

def solve(times):
    count, jobs, machines = times.shape
    by_job = times.sum(axis=2, keepdims=True)
    by_machine = times.sum(axis=1, keepdims=True)
    key = 0.6 * by_job + 0.2 * by_machine - 1.5 * times
    turn = (np.arange(jobs)[:, None] + np.arange(machines)) % 3
    key = key - 9.0 * turn + 25.0 * (times > 70)
    return np.argsort(-key.reshape(count, -1), axis=1)
