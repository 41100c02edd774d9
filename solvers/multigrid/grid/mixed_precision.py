"""Conjugate gradients around a multigrid cycle in lower precision."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from ritz.operators import Operator, Stencil
from ritz.solution import Status

from .preconditioner import MultigridInverse

__all__ = ["mixed_conjugate_gradients"]


def mixed_conjugate_gradients(
    inverse: MultigridInverse, full: bool, A: Operator, b: np.ndarray, x: np.ndarray
) -> Generator[tuple[np.ndarray, float], Any, Status]:
    """Yield the iterate and its residual norm; the cycle is the preconditioner, and `x` is overwritten.

    Only the cycle is in single precision: the residual of a smooth solution is so much smaller than ``||A|| ||x||``
    that single precision cannot represent it. Precisions are converted within the vector operations, each of which is
    a single pass. If `full` and `x` is zero, the first iteration is full multigrid.
    """
    from ritz.kernels.parallel_chunks import in_parallel_chunks

    from .kernels.grid_levels import CHUNK, update_norm

    hierarchy = inverse.hierarchy
    start_from_zero = full and not x.any()
    inverse.solve_left_out(x, b)
    r = b - A @ x
    norm = float(np.linalg.norm(r))
    p, q, rho = np.zeros_like(r), np.empty_like(r), 1.0
    chunks = -(-r.size // CHUNK)
    if start_from_zero and norm > 0:
        yield x, norm
        x += norm * hierarchy.unpad(hierarchy.full_cycle(hierarchy.pad(r, 1.0 / norm)))
        r = b - A @ x
        norm = float(np.linalg.norm(r))
    while True:
        yield x, norm
        scale = 1.0 / norm if norm > 0 else 1.0  # single precision has a narrow range
        z = hierarchy.cycle(hierarchy.pad(r, scale))
        previous, rho = rho, hierarchy.inner(r, z) / scale
        if not rho > 0:
            return Status.INDEFINITE if np.isfinite(rho) else Status.NON_FINITE
        hierarchy.update_direction(p, z, 1.0 / scale, rho / previous)
        if isinstance(A, Stencil) and A.dtype == p.dtype:
            A.multiply_into(p, q)
        else:
            q = A @ p
        curvature = float(np.vdot(p, q))
        if not curvature > 0:
            return Status.INDEFINITE if np.isfinite(curvature) else Status.NON_FINITE
        alpha = x.dtype.type(rho / curvature)
        norm = in_parallel_chunks(update_norm, chunks, 6 * r.nbytes, 0, r.size, x, r, p, q, alpha) ** 0.5
