"""Snapshots as cluster analysis needs them: unit vectors in few coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bases.inner_product import coordinates

if TYPE_CHECKING:
    from ritz.problem_types.parametric.snapshots import Snapshots

__all__ = ["CompressedSnapshots", "compress_snapshots"]

TOLERANCE = 1e-8  # relative size of what coordinates leave out of any snapshot


@dataclass(frozen=True, eq=False)
class CompressedSnapshots:
    """Normalised snapshots in coordinates in which the inner product is Euclidean; made by `compress_snapshots`.

    Everything that is asked of clusters, bases and projection errors is answered here at a cost that does not depend
    on the number of unknowns.

    Parameters
    ----------
    values : ndarray, shape (count, rank)
        Rows of norm 1, the leading principal coordinates first.
    norms : ndarray, shape (count,)
        Of the snapshots.
    inputs : ndarray, shape (count, p)
        Parameters, with the time as a last column for trajectories.
    groups : ndarray, shape (count,)
        States of one trajectory share a group, which cross-validation does not tear apart.
    directions : ndarray, shape (rank, n)
        ``snapshots = norms * values @ directions``.
    """

    values: np.ndarray
    norms: np.ndarray
    inputs: np.ndarray
    groups: np.ndarray
    directions: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def select(self, rows: Any) -> CompressedSnapshots:
        """Return some of the snapshots, in the same coordinates."""
        return replace(
            self, values=self.values[rows], norms=self.norms[rows], inputs=self.inputs[rows], groups=self.groups[rows]
        )


def compress_snapshots(
    snapshots: Snapshots, others: Snapshots | None = None, *, rank: int | None = None
) -> CompressedSnapshots:
    """Return snapshots in their principal coordinates, up to a relative error of 1e-8.

    Parameters
    ----------
    snapshots : ritz.Snapshots
    others : ritz.Snapshots, optional
        Further ones, which follow in the same coordinates; no group of theirs is one of the first.
    rank : int, optional
        Leading coordinates that are enough, whatever they leave out.

    Examples
    --------
    >>> from ritz import Snapshots
    >>> states = np.array([[3.0, 4.0, 0.0], [0.0, 2.0, 0.0]])
    >>> found = compress_snapshots(Snapshots(np.array([[1.0], [2.0]]), states))
    >>> bool(np.allclose(found.norms[:, None] * found.values @ found.directions, states))
    True
    """
    parts = [snapshots] if others is None else [snapshots, others]
    states = np.concatenate([part.normalised().states for part in parts])
    found = coordinates(states, snapshots.product, rank=rank, negligible=0.1 * TOLERANCE)
    _, _, right = np.linalg.svd(found.values, full_matrices=False)
    values = found.values @ right.conj().T
    left_out = np.sqrt(np.cumsum(np.abs(values[:, ::-1]) ** 2, axis=1)[:, ::-1].max(axis=0))
    kept = max(1, int(np.count_nonzero(left_out > TOLERANCE)))
    norms, inputs = np.concatenate([part.norms for part in parts]), np.concatenate([_inputs(part) for part in parts])
    groups = np.concatenate([np.stack([np.full(len(part), k), part.groups], axis=1) for k, part in enumerate(parts)])
    groups = np.unique(groups, axis=0, return_inverse=True)[1].ravel()
    return CompressedSnapshots(values[:, :kept], norms, inputs, groups, right[:kept] @ found.directions)


def _inputs(snapshots: Snapshots) -> np.ndarray:
    if snapshots.times is None:
        return np.asarray(snapshots.parameters)
    return np.column_stack([snapshots.parameters, snapshots.times])
