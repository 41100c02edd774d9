"""The inverse of a damped empirical Fisher matrix by rank-one updates."""

from __future__ import annotations

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, namespace, numpy_dtype, to_numpy
from ritz.operators import Operator, Tag

from .rows import check_damping, check_rows

__all__ = ["RecursiveInverse"]


class RecursiveInverse(Operator):
    r"""The inverse of :math:`\lambda I+\frac1m\sum_ig_ig_i^T` by m rank-one updates :cite:`FrantarEtAl2021`.

    This is the static algorithm of M-FAC. With :math:`v_i=F_{i-1}^{-1}g_i`,
    :math:`F^{-1}x=\frac x\lambda-\sum_jv_j\frac{v_j^Tx}{m+g_j^Tv_j}`. Set-up takes m² d multiplications in
    matrix-vector products; `WoodburyInverse` gives the same result with half as many, in matrix-matrix products. This
    class serves comparison, and gives the diagonal in m d operations.

    Parameters
    ----------
    gradients : array, shape (m, d)
        Gradients g as rows, NumPy or torch, float32 or float64.
    damping : float
        Damping λ, positive.

    Examples
    --------
    >>> G = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
    >>> dense = np.linalg.inv(0.5 * np.eye(3) + G.T @ G / 2)
    >>> bool(np.allclose(RecursiveInverse(G, damping=0.5).to_dense(), dense))
    True
    """

    def __init__(self, gradients: Array, damping: float):
        rows = check_rows(gradients)
        self.damping = check_damping(damping)
        count, size = rows.shape
        self.shape, self.dtype = (size, size), numpy_dtype(rows)
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        arrays = namespace(rows)
        self.vectors = arrays.empty_like(rows)
        self.pivots = arrays.empty_like(rows[:, 0])
        for i in range(count):
            before = self.vectors[:i]
            v = rows[i] / self.damping - before.T @ ((before @ rows[i]) / self.pivots[:i])
            self.vectors[i] = v
            self.pivots[i] = count + rows[i] @ v

    def _apply(self, x: Array) -> Array:
        y = asarray_like(x.detach() if is_torch_array(x) else x, self.vectors)
        pivots = self.pivots if y.ndim == 1 else self.pivots[:, None]
        found = y / self.damping - self.vectors.T @ ((self.vectors @ y) / pivots)
        return asarray_like(found if is_torch_array(x) else to_numpy(found), x)

    def diagonal(self) -> np.ndarray:
        """Return the diagonal of the inverse, in m d operations."""
        return to_numpy(1.0 / self.damping - (self.vectors**2 / self.pivots[:, None]).sum(0))
