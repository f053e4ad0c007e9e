import numpy as np

def codebook(weights, levels):
    books = []
    for w in weights:
        wide = 2.0 * np.abs(w).mean() + 0.1 * np.abs(w).max()
        grid = np.linspace(-1.0, 1.0, levels) * wide
        for step in range(2):
            near = np.abs(w[:, None] - grid).argmin(axis=1)
            for i in range(levels):
                mine = w[near == i]
                if len(mine) > 3:
                    grid[i] += 0.1 * (mine.mean() - grid[i])
        books.append(grid)
    return np.array(books)
