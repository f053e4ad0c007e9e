import numpy as np

def convolve(signal, kernel):
    block, extra = 100, 7
    size = block + len(kernel) + extra
    out = np.zeros(len(signal) + 2 * size)
    for start in range(0, len(signal), block):
        piece = np.fft.fft(signal[start:start + block], size)
        both = piece * np.fft.fft(kernel, size)
        out[start:start + size] += np.fft.ifft(both).real
    return out[0:len(signal) + len(kernel) - 1]
