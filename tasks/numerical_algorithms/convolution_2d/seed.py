import numpy as np

def convolve(image, kernel):
    h, w = image.shape
    p, q = kernel.shape
    full = np.zeros((h + p - 1, w + q - 1))
    strip = 6
    for top in range(0, h, strip):
        part = image[top:top + strip]
        for i in range(p):
            for j in range(q):
                view = full[top + i:top + i + len(part), j:j + w]
                view += 1.0 * kernel[i, j] * part
    return full
