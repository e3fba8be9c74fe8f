import numpy as np


def standardise(z, scale, eps=1e-5):
    rows = len(z)
    centre = z.sum(axis=0) / rows
    away = z - centre
    spread = (away * away).sum(axis=0) / rows
    return scale * away / np.sqrt(spread + eps)
