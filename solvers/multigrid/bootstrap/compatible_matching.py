"""Coarsening by compatible weighted matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .strong_couplings import ENTRY_BYTES

__all__ = ["Aggregation", "aggregate", "coarse_matrix", "dominant_matching"]

FLOOR = 1e-6  # of the largest entry, to which the entries of a smooth vector are raised: weights divide by them


@dataclass(frozen=True)
class Aggregation:
    """Groups of unknowns, and what a smooth vector makes of them.

    Parameters
    ----------
    groups : ndarray of int32, shape (n,)
        Aggregate of each unknown; -1 where an unknown is coupled to no other and needs no coarse level.
    weights : ndarray, shape (n,)
        The smooth vector, its norm on each aggregate being 1: the entries of the prolongation.
    smooth : ndarray, shape (m,)
        The smooth vector on the coarse level: its norms on the aggregates.
    """

    groups: np.ndarray
    weights: np.ndarray
    smooth: np.ndarray

    def average(self, values: np.ndarray) -> np.ndarray:
        """Return the means of a vector over the aggregates, weighted by the squares of the prolongation."""
        grouped = self.groups >= 0
        return np.bincount(self.groups[grouped], (self.weights**2 * values)[grouped], self.smooth.size)


def aggregate(matrix: Any, couplings: Any, smooth: np.ndarray, sweeps: int, coarsest: int) -> Aggregation | None:
    r"""Group the unknowns of a symmetric matrix in pairs, pairs of pairs and so on, along a smooth vector.

    Two unknowns suit each other the better, the faster relaxation reduces what their pair cannot represent, the
    vector on the two that is orthogonal to w in the inner product of the diagonal. Its energy, relative to its norm in
    that inner product, is

    .. math:: 1 - \frac{2 a_{ij} w_i w_j}{a_{ii} w_i^2 + a_{jj} w_j^2}

    and pairs are picked from the largest of these numbers on :cite:`DAmbraVassilevski2013`, which is done in linear
    time by proposals :cite:`ManneHalappanavar2014`. Unknowns that the last sweep leaves over join the aggregate they
    suit best, so there are at most half as many aggregates as unknowns, around hubs of any degree too. O(nnz) time
    for each sweep.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Symmetric, with a diagonal that is not negative.
    couplings : csr_array, shape (n, n)
        The matrix, or what is left of it to match along. An unknown that has no coupling left joins its neighbours'.
    smooth : ndarray, shape (n,)
    sweeps : int
        Aggregates have about ``2**sweeps`` members.
    coarsest : int
        Unknowns at which sweeps end early.

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
    """Return the number of the pair that each unknown belongs to, and how many pairs there are."""
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
    """Return the partner of each unknown of a sparse matrix, -1 for those left over, by the Suitor algorithm.

    Each unknown proposes to the neighbour of largest weight that holds no better proposal; who is displaced proposes
    anew :cite:`ManneHalappanavar2014`. Among equal weights the smaller number goes first, which makes the matching
    unique, in whatever order proposals are made: that of picking edges from the heaviest on. So those that many
    unknowns have to make are found on several threads, all from the same state, and the few that follow one by one.
    Couplings without weight, or weak in the row of the unknown, are not proposed along.

    Parameters
    ----------
    start, columns : ndarray of int, shapes (n + 1,) and (nnz,)
        Of a matrix by compressed rows.
    weights : ndarray, shape (nnz,)
        Symmetric.

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
    from .kernels.aggregation import restrict_smooth_vector

    weights, coarse = np.empty(smooth.size), np.empty(count)
    restrict_smooth_vector(groups, smooth, weights, coarse)
    return Aggregation(groups, weights, coarse)


def _without_zeros(smooth: np.ndarray) -> np.ndarray:
    """Return the vector with entries of small magnitude raised, their signs kept."""
    return np.copysign(np.maximum(np.abs(smooth), FLOOR * np.abs(smooth).max()), smooth)


def coarse_matrix(matrix: Any, found: Aggregation) -> Any:
    """Return ``P^T A P``, columns of whose rows are not sorted."""
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
