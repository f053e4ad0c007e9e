import numpy as np

def layout(points):
    away = np.hypot(*(points - points[0]).T)
    pipes = []
    for i in range(1, len(points)):
        steps = np.hypot(*(points - points[i]).T)
        price = steps + 0.85 * away
        price[away > 0.9 * away[i]] = 50.0
        price[steps > 0.4] += 0.1
        price[0] -= 0.02
        pipes.append(int(price.argmin()))
    return pipes
