"""Normalised snapshots in their principal coordinates, the input of cluster analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bases.inner_product import coordinates

if TYPE_CHECKING:
    from ritz.problem_types.parametric.snapshots import Snapshots

__all__ = ["CompressedSnapshots", "compress_snapshots"]

TOLERANCE = 1e-8  # relative error of a snapshot in these coordinates


@dataclass(frozen=True, eq=False)
class CompressedSnapshots:
    """Normalised snapshots in coordinates with a Euclidean inner product; made by `compress_snapshots`.

    Clusters, bases and projection errors can be computed from these coordinates at a cost that does not depend on the
    number of unknowns.

    Parameters
    ----------
    values : ndarray, shape (count, rank)
        Rows of norm 1, the leading principal coordinates first.
    norms : ndarray, shape (count,)
        Norms of the snapshots.
    inputs : ndarray, shape (count, p)
        Parameters of the snapshots, followed by a column of times for trajectories.
    groups : ndarray, shape (count,)
        Group of each snapshot: states of one trajectory share a group, which cross-validation keeps together.
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
        """Return a selection of the snapshots in the same coordinates."""
        return replace(
            self, values=self.values[rows], norms=self.norms[rows], inputs=self.inputs[rows], groups=self.groups[rows]
        )


def compress_snapshots(
    snapshots: Snapshots, others: Snapshots | None = None, *, rank: int | None = None
) -> CompressedSnapshots:
    """Return snapshots in their principal coordinates, with a relative error of at most 1e-8.

    Parameters
    ----------
    snapshots : ritz.Snapshots
    others : ritz.Snapshots, optional
        Further snapshots, appended in the same coordinates; they share no groups with `snapshots`.
    rank : int, optional
        Limit of the number of coordinates, regardless of the error.

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
