# batch standardisation with its derivative, as a pair of functions
import numpy as np


def standardise_forward(z, scale, offset, eps=1e-5):
    rows = len(z)
    centre = z.sum(axis=0) / rows
    away = z - centre
    spread = (away * away).sum(axis=0) / rows
    root = np.sqrt(spread + eps)
    unit = away / root
    y = scale * unit + offset
    return y, (unit, away, root, scale)


def standardise_backward(dy, cache):
    unit, away, root, scale = cache
    rows = dy.shape[0]
    doffset = dy.sum(axis=0)
    dscale = (dy * unit).sum(0)
    dunit = dy * scale
    droot = -(dunit * away).sum(axis=0) / root**2
    dspread = droot / (2 * root)
    daway = dunit / root + 2 * away * dspread / rows
    dcentre = -daway.sum(axis=0)
    dz = daway + dcentre / rows
    return dz, dscale, doffset
