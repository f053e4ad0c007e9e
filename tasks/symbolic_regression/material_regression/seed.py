import numpy as np

def model(e, r, h, params):
    stress = params[0] * np.exp(-4.0 * e) * h ** 0
    stress += params[1] * np.sin(1.5 * r)
    stress -= params[2] * np.cos(5.0 * h) * r ** 0
    stress += params[3] * 0.5
    return stress
