"""The similarity of vertices by structure and attributes, whose leading eigenvectors separate clusters."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

__all__ = ["Similarity", "degree_dispersion", "regularisation"]

WORK = 1_000_000  # number of multiplications above which threads pay off
EVEN = 0.75  # degree dispersion below which a graph is treated as a mesh; random edges have 1


@dataclass(frozen=True, eq=False)
class Similarity:
    r"""The matrix :math:`M=(1-w)\,D_\tau^{-1/2}AD_\tau^{-1/2}+w\,YY^T`, never formed.

    :math:`D_\tau` holds the degrees plus a constant :math:`\tau`. Y holds the attributes, scaled so that :math:`YY^T`
    has unit row sums in the degree-weighted sense. M is symmetric and non-negative, so its eigenvalue of largest
    modulus is positive.

    Parameters
    ----------
    adjacency : csr_array, shape (n, n)
    scale : ndarray, shape (n,)
        Diagonal of :math:`D_\tau^{-1/2}`.
    attributes : csr_array, shape (n, m), or None
        Y.
    weight : float
        w, in [0, 1].
    """

    adjacency: csr_array
    scale: np.ndarray
    attributes: csr_array | None = None
    weight: float = 0.0
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """Number of vertices."""
        return self.scale.size

    @cached_property
    def degrees(self) -> np.ndarray:
        """Sums of the edge weights at the vertices, shape (n,)."""
        return np.asarray(self.adjacency.sum(axis=1))

    @property
    def unregularised(self) -> bool:
        """Whether `scale` follows from the degrees alone, all of which are positive."""
        return bool(np.allclose(self.scale**2 * self.degrees, 1.0, rtol=1e-6))

    @property
    def bound(self) -> float:
        """Upper bound on the eigenvalues."""
        structure = float((self.degrees * self.scale**2).max())
        return (1.0 - self.weight) * structure + self.weight

    @property
    def bulk(self) -> float:
        """Guess of the second largest eigenvalue, that of random edges :cite:`FuerediKomlos1981`."""
        degrees = np.diff(self.adjacency.indptr)
        if not degrees.any():
            return 0.0
        typical = float(np.median(self.scale[degrees > 0] ** 2 * self.degrees[degrees > 0]))
        return min(2.0 * typical / max(float(degrees.mean()), 4.0) ** 0.5, 0.9 * self.bound)

    def advance(self, x: np.ndarray, out: np.ndarray, a: float, b: float, c: float) -> None:
        """Replace `out` by ``a M x + b x + c out``; both blocks are C-ordered, shape (n, columns), of equal dtype."""
        from numba import get_num_threads

        from .kernels.graph_products import TILE, scaled_product, scaled_product_in_turn

        scale, weights, factor, transposed = self._entries(x.dtype)
        A = self.adjacency
        coefficients = np.array([a * (1.0 - self.weight), b, c], dtype=x.dtype)
        tile = self.size if x.nbytes <= 2 * TILE else TILE // (x.shape[1] * x.itemsize)
        parts = get_num_threads() if A.nnz * x.shape[1] > WORK else 1
        product = scaled_product if parts > 1 else scaled_product_in_turn
        product(A.indptr, A.indices, weights, scale, x, out, coefficients, tile, parts)
        if factor is not None and self.weight:
            out += (a * self.weight) * (factor @ (transposed @ x))

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        block = np.ascontiguousarray(x[:, None] if x.ndim == 1 else x)
        out = np.zeros_like(block)
        self.advance(block, out, 1.0, 0.0, 0.0)
        return out[:, 0] if x.ndim == 1 else out

    def _entries(self, dtype: np.dtype) -> tuple[Any, ...]:
        """Return the scale, the weights (empty if all are 1) and the attributes in a dtype, cached for each dtype."""
        if dtype.name not in self._kept:
            data = self.adjacency.data
            weights = data[:0] if (data == 1.0).all() else data
            factor = None if self.attributes is None else csr_array(self.attributes, dtype=dtype)
            transposed = None if factor is None else csr_array(factor.T)
            self._kept[dtype.name] = self.scale.astype(dtype), weights.astype(dtype), factor, transposed
        return self._kept[dtype.name]


def degree_dispersion(adjacency: csr_array, degrees: np.ndarray) -> float:
    """Return the variance of the degrees relative to that of as many random edges: 1 for a random graph.

    Examples
    --------
    >>> ring = csr_array(np.roll(np.eye(5), 1, axis=0) + np.roll(np.eye(5), -1, axis=0))
    >>> degree_dispersion(ring, ring.sum(axis=1))
    0.0
    """
    if not adjacency.nnz:
        return 0.0
    weight = float(adjacency.data @ adjacency.data / adjacency.data.sum())  # weight of a typical edge
    return float(degrees.var() / (degrees.mean() * weight))


def regularisation(adjacency: csr_array, degrees: np.ndarray) -> float:
    r"""Return :math:`\tau`: the mean degree :cite:`QinRohe2013`, or 0 if degrees are as even as in a mesh.

    If degrees vary widely, the leading eigenvectors of :math:`D^{-1/2}AD^{-1/2}` concentrate on appendages of a few
    vertices, which :math:`\tau` prevents. If they hardly vary, it is not needed, and would act as a potential that
    pulls the smooth vectors of a mesh towards slightly larger degrees.
    """
    return float(degrees.mean()) if degree_dispersion(adjacency, degrees) > EVEN else 0.0
