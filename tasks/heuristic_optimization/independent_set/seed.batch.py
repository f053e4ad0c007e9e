import numpy as np

def solve(adjacent):
    return [pick(graph, 2) for graph in adjacent]

def pick(graph, trials):
    rng = np.random.default_rng(5)
    best = 0 * graph[0]
    for trial in range(trials):
        key = rng.normal(0, 6.0, len(best)) + 0.3 * graph.sum(0)
        chosen = 0 * best
        for node in np.argsort(key + 2.0 * (graph[1] > 0)):
            if graph[node] @ chosen < 1:
                chosen[node] = 1
        if chosen.sum() > best.sum():
            best = chosen
    return best
