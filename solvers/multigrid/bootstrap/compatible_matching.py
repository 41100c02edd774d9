"""Coarsening by compatible weighted matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .strong_couplings import ENTRY_BYTES

__all__ = ["Aggregation", "aggregate", "coarse_matrix", "dominant_matching"]

FLOOR = 1e-6  # least magnitude of the entries of a smooth vector relative to the largest; weights divide by them


@dataclass(frozen=True)
class Aggregation:
    """Aggregates of unknowns, with the prolongation and the coarse vector along a smooth vector.

    Parameters
    ----------
    groups : ndarray of int32, shape (n,)
        Aggregate of each unknown; -1 if an unknown is coupled to no other and needs no coarse level.
    weights : ndarray, shape (n,)
        Entries of the prolongation: the smooth vector, normalised on each aggregate.
    smooth : ndarray, shape (m,)
        The smooth vector on the coarse level: its norm on each aggregate.
    """

    groups: np.ndarray
    weights: np.ndarray
    smooth: np.ndarray

    def average(self, values: np.ndarray) -> np.ndarray:
        """Return the means of a vector over the aggregates, weighted by the squared entries of the prolongation."""
        grouped = self.groups >= 0
        return np.bincount(self.groups[grouped], (self.weights**2 * values)[grouped], self.smooth.size)


def aggregate(matrix: Any, couplings: Any, smooth: np.ndarray, sweeps: int, coarsest: int) -> Aggregation | None:
    r"""Group the unknowns of a symmetric matrix into pairs, pairs of pairs and so on, along a smooth vector.

    A pair of unknowns is good if relaxation quickly reduces the error that the pair cannot represent: the vector on
    the two unknowns that is orthogonal to w in the inner product of the diagonal. The energy of this vector, relative
    to its norm in that inner product, is

    .. math:: 1 - \frac{2 a_{ij} w_i w_j}{a_{ii} w_i^2 + a_{jj} w_j^2}

    Pairs are chosen in decreasing order of this number :cite:`DAmbraVassilevski2013`, in linear time by proposals
    :cite:`ManneHalappanavar2014`. Unknowns that the last sweep leaves unmatched join their best aggregate, so there
    are at most half as many aggregates as unknowns, even around hubs of any degree. O(nnz) time per sweep.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Symmetric, with a nonnegative diagonal.
    couplings : csr_array, shape (n, n)
        The matrix without the couplings along which unknowns must not be matched. An unknown without couplings here
        joins the aggregate of a neighbour.
    smooth : ndarray, shape (n,)
    sweeps : int
        Aggregates have about ``2**sweeps`` members.
    coarsest : int
        Number of unknowns at which the sweeps stop early.

    Returns
    -------
    Aggregation or None
        None if no two unknowns are coupled.
    """
    from .kernels.aggregation import join_strongest

    finest = smooth = _without_zeros(smooth)
    groups: np.ndarray | None = None
    for sweep in range(sweeps):
        pairs, count = _pair(couplings, smooth, first=sweep == 0, last=sweep == sweeps - 1)
        if count == 0:
            break
        groups = pairs if groups is None else np.append(pairs, np.int32(-1))[groups]
        found = _restricted(pairs, smooth, count)
        if count <= coarsest or sweep == sweeps - 1:
            break
        couplings, smooth = coarse_matrix(couplings, found), found.smooth
    if groups is None:
        return None
    join_strongest(matrix.indptr, matrix.indices, matrix.data, finest, groups)
    return _restricted(groups, finest, int(groups.max()) + 1)


def _pair(couplings: Any, smooth: np.ndarray, first: bool, last: bool) -> tuple[np.ndarray, int]:
    """Return the number of each unknown's pair, and the number of pairs."""
    from ritz.kernels.parallel_chunks import in_parallel_chunks

    from .kernels.matching import aggregate_matched, compatible_weights

    n = smooth.size
    start, columns, values = couplings.indptr, couplings.indices, couplings.data
    weights = np.empty(values.size, dtype=np.float32)
    energy = couplings.diagonal() * smooth**2
    work = ENTRY_BYTES * values.size
    in_parallel_chunks(compatible_weights, n, work, start, columns, values, energy, smooth, weights)
    partner, groups = dominant_matching(start, columns, weights), np.empty(n, dtype=np.int32)
    return groups, aggregate_matched(start, columns, weights, partner, first, last, groups)


def dominant_matching(start: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the partner of each unknown of a sparse matrix by the Suitor algorithm; -1 for unmatched unknowns.

    Each unknown proposes to the neighbour of largest weight that holds no better proposal; a displaced unknown
    proposes again :cite:`ManneHalappanavar2014`. Ties are broken by the smaller number, which makes the matching
    independent of the order of proposals: it is the greedy matching from the heaviest edge on. While many unknowns
    have to propose, their proposals are found on several threads, all from the same state; the last few follow one by
    one. No proposals are made along couplings without weight or weak in the row of the unknown.

    Parameters
    ----------
    start, columns : ndarray of int, shapes (n + 1,) and (nnz,)
        Row pointers and column indices of a CSR matrix.
    weights : ndarray, shape (nnz,)
        Symmetric weights of the entries.

    Returns
    -------
    ndarray of int32, shape (n,)
    """
    from ritz.kernels.parallel_chunks import in_parallel_chunks, worth_threads

    from .kernels.matching import accept, finish_proposals, propose

    n = start.size - 1
    suitor, held, partner = np.full(n, -1, np.int32), np.zeros(n, weights.dtype), np.empty(n, np.int32)
    active = np.arange(n, dtype=np.int32)
    while worth_threads(work := ENTRY_BYTES * columns.size * active.size // max(n, 1)):
        target, offer = np.empty_like(active), np.empty(active.size, weights.dtype)
        in_parallel_chunks(propose, active.size, work, active, start, columns, weights, suitor, held, target, offer)
        active = accept(active, target, offer, suitor, held)
    finish_proposals(active, start, columns, weights, suitor, held, partner)
    return partner


def _restricted(groups: np.ndarray, smooth: np.ndarray, count: int) -> Aggregation:
    """Return the aggregation with given groups."""
    from .kernels.aggregation import restrict_smooth_vector

    weights, coarse = np.empty(smooth.size), np.empty(count)
    restrict_smooth_vector(groups, smooth, weights, coarse)
    return Aggregation(groups, weights, coarse)


def _without_zeros(smooth: np.ndarray) -> np.ndarray:
    """Return the vector with small magnitudes raised to the floor, keeping signs."""
    return np.copysign(np.maximum(np.abs(smooth), FLOOR * np.abs(smooth).max()), smooth)


def coarse_matrix(matrix: Any, found: Aggregation) -> Any:
    """Return ``P^T A P``, with unsorted columns."""
    from scipy.sparse import csr_array

    from ritz.kernels.parallel_chunks import in_parallel_chunks

    from .kernels.aggregation import coarse_rows, coarse_sizes, group_members

    count = found.smooth.size
    start, columns, values = matrix.indptr, matrix.indices, matrix.data
    group_start, members = np.empty(count + 1, dtype=np.int32), np.empty(found.groups.size, dtype=np.int32)
    group_members(found.groups, group_start, members)
    sizes = np.empty(count, dtype=np.int32)
    work = ENTRY_BYTES * values.size
    in_parallel_chunks(coarse_sizes, count, work, start, columns, found.groups, group_start, members, sizes)
    coarse_start = np.concatenate([[0], np.cumsum(sizes)]).astype(start.dtype)
    coarse_columns, coarse_values = np.empty(coarse_start[-1], dtype=columns.dtype), np.empty(coarse_start[-1])
    fine = start, columns, values, found.groups, found.weights, group_start, members
    in_parallel_chunks(coarse_rows, count, 2 * work, *fine, coarse_start, coarse_columns, coarse_values)
    return csr_array((coarse_values, coarse_columns, coarse_start), shape=(count, count))
