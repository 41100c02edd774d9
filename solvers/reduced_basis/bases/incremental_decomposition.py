"""Proper orthogonal decomposition of snapshots that come in blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.snapshots import check_product

from .inner_product import checked_states, coordinates, norms
from .orthogonal_decomposition import Basis, normalised, truncation

__all__ = ["incremental_pod"]


def incremental_pod(
    blocks: Iterable[Any],
    *,
    product: Any = None,
    size: int | None = None,
    energy: float | None = None,
    normalise: bool = True,
    tolerance: float = 1e-12,
) -> Basis:
    """Return what `pod` does, from one block of snapshots at a time :cite:`Brand2006`.

    The modes weighted by their singular values stand for all snapshots seen so far; each block is joined to them.
    Memory and time by block are those of `pod` for (modes + rows of the block) snapshots.

    Parameters
    ----------
    blocks : iterable of arrays, shape (rows, n)
        Any number of rows each; read once, so that a generator may load them from disk.
    product, size, energy, normalise
        As for `pod`.
    tolerance : float
        Share of the energy that a block may lose; what all lose together is at most the number of blocks times it.

    Raises
    ------
    InvalidProblem
        No blocks, or what `pod` refuses.

    Examples
    --------
    >>> states = np.random.default_rng(0).standard_normal((40, 6))
    >>> basis = incremental_pod(iter(np.split(states, 4)), size=2)
    >>> basis.modes.shape
    (6, 2)
    """
    weighted: np.ndarray | None = None
    total, operator = 0.0, None
    for block in blocks:
        rows = checked_states(block)
        if weighted is None:
            operator = check_product(product, rows.shape[1])
        elif rows.shape[1] != weighted.shape[1]:
            raise InvalidProblem(f"a block has states of {rows.shape[1]} entries, those before {weighted.shape[1]}")
        if normalise:
            rows = normalised(rows, operator)
        total += float(np.sum(norms(rows, operator) ** 2))
        joined = rows if weighted is None else np.concatenate([weighted, rows])
        found = coordinates(joined, operator)
        _, singular, right = np.linalg.svd(found.values, full_matrices=False)
        keep = truncation(singular, size=None, energy=tolerance, total=float(np.sum(singular**2)))
        weighted = singular[:keep, None] * (right[:keep] @ found.directions)
    if weighted is None:
        raise InvalidProblem("blocks is empty; there must be at least one block of snapshots")
    singular = norms(weighted, operator)
    keep = truncation(singular, size=size, energy=energy, total=total)
    return Basis((weighted[:keep] / singular[:keep, None]).T, singular, operator, total)
