"""Conjugate gradients around a multigrid cycle in lower precision."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from ritz.operators import Operator
from ritz.solution import Status

from .cycle import Hierarchy

__all__ = ["mixed_conjugate_gradients"]


def mixed_conjugate_gradients(
    hierarchy: Hierarchy, A: Operator, b: np.ndarray, x: np.ndarray
) -> Generator[tuple[np.ndarray, float], Any, Status]:
    """Yield the iterate and its residual norm; the cycle is the preconditioner, and `x` is overwritten.

    Only the cycle is in single precision: smooth solutions have residuals so much smaller than ``||A|| ||x||`` that
    single precision cannot tell. Conversion is part of the vector operations, each of which is one pass.
    """
    from ritz.kernels.grid_levels import CHUNK, update_norm
    from ritz.kernels.slabs import in_slabs

    left_out = hierarchy.left_out
    if left_out.any():
        x[left_out] = b[left_out] / A.diagonal()[left_out]
    r = b - A @ x
    norm = float(np.linalg.norm(r))
    p, rho = np.zeros_like(r), 1.0
    chunks = -(-r.size // CHUNK)
    while True:
        yield x, norm
        scale = 1.0 / norm if norm > 0 else 1.0  # single precision has a small range
        z = hierarchy.cycle(hierarchy.pad(r, scale))
        previous, rho = rho, hierarchy.inner(r, z) / scale
        if not rho > 0:
            return Status.INDEFINITE if np.isfinite(rho) else Status.NON_FINITE
        hierarchy.direct(p, z, 1.0 / scale, rho / previous)
        q = A @ p
        curvature = float(np.vdot(p, q))
        if not curvature > 0:
            return Status.INDEFINITE if np.isfinite(curvature) else Status.NON_FINITE
        alpha = x.dtype.type(rho / curvature)
        norm = in_slabs(update_norm, chunks, 6 * r.nbytes, 0, r.size, x, r, p, q, alpha) ** 0.5
