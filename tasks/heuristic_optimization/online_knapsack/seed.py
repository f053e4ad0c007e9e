import numpy as np

def accept(value, size, room, left):
    worth = value - 0.2 * size
    wanted = 15.0 + 0.05 * left
    score = worth - wanted
    score = score + 6.0 * (room > 400) - 8.0 * (size > 80)
    return score
