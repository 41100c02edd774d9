"""Network over the cells of a multigrid level: features of the couplings, and layers over neighbours across faces.

Channels are rows of arrays on the padded coarse grid, whose halo is zero.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["features", "layer"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz", "reassoc"})
CHUNK = 1024  # cells per chunk, whose channels fit in the nearest cache


@compiled
def features(
    out: np.ndarray,
    series: np.ndarray,
    parallel: np.ndarray,
    walls: np.ndarray,
    evenness: np.ndarray,
    strides: np.ndarray,
    origin: int,
    end: int,
) -> None:
    """Write ``4 axes + 2`` scale-invariant features of the cells from `origin` to `end` (exclusive).

    They are the share of walls in the diagonal, the fourth root of `evenness`, and, before and behind along each axis,
    the share of the parallel coupling in the diagonal and the ratio of the series to the parallel coupling.
    """
    one, zero = walls.dtype.type(1), walls.dtype.type(0)
    for m in range(origin, end):
        total = walls[m]
        for h in range(strides.size):
            total += parallel[h, m] + parallel[h, m - strides[h]]
        share = one / total if total > 0 else zero
        out[0, m] = walls[m] * share
        out[1, m] = np.sqrt(np.sqrt(evenness[m]))
        for h in range(strides.size):
            for side in range(2):
                place = m - strides[h] if side == 0 else m
                p = parallel[h, place]
                out[2 + 4 * h + 2 * side, m] = p * share
                out[3 + 4 * h + 2 * side, m] = series[h, place] / p if p > 0 else zero


@compiled
def layer(
    out: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    used: np.ndarray,
    strides: np.ndarray,
    rectified: bool,
    origin: int,
    end: int,
) -> None:
    """Write ``weight x + bias``, rectified on request, and zero in cells where `used` is zero.

    The columns of the weight are the channels of the cell, followed, if there are more, by those of the neighbours
    before and behind along each axis.
    """
    channels = x.shape[0]
    around = weight.shape[1] > channels
    for start in range(origin, end, CHUNK):
        stop = min(start + CHUNK, end)
        mask = used[start:stop]
        for o in range(weight.shape[0]):
            target = out[o, start:stop]
            target[:] = bias[o]
            for i in range(channels):
                w = weight[o, i]
                centre = x[i, start:stop]
                if not around:
                    for k in range(target.size):
                        target[k] += w * centre[k]
                    continue
                for h in range(strides.size):
                    s = strides[h]
                    v = weight[o, (1 + 2 * h) * channels + i]
                    u = weight[o, (2 + 2 * h) * channels + i]
                    before, behind = x[i, start - s : stop - s], x[i, start + s : stop + s]
                    if h == 0:
                        for k in range(target.size):
                            target[k] += w * centre[k] + v * before[k] + u * behind[k]
                    else:
                        for k in range(target.size):
                            target[k] += v * before[k] + u * behind[k]
            if rectified:
                for k in range(target.size):
                    target[k] = max(target[k], bias.dtype.type(0)) if mask[k] > 0 else 0
            else:
                for k in range(target.size):
                    target[k] = target[k] if mask[k] > 0 else 0
