"""Proper orthogonal decomposition of snapshots that arrive in blocks."""

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
    """Return the basis of `pod`, computed from one block of snapshots at a time :cite:`Brand2006`.

    The modes weighted by their singular values represent all earlier snapshots; each new block is appended to them.
    A block takes the memory and time of `pod` for (modes + rows of the block) snapshots.

    Parameters
    ----------
    blocks : iterable of arrays, shape (rows, n)
        Any number of rows each. Blocks are read once, so a generator may load them from disk.
    product, size, energy, normalise
        As for `pod`.
    tolerance : float
        Fraction of the energy that each block may lose; all blocks together lose at most their number times this.

    Raises
    ------
    InvalidProblem
        If there are no blocks, and as for `pod`.

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
            raise InvalidProblem(
                f"a block has states of {rows.shape[1]} entries, earlier blocks {weighted.shape[1]}; they must agree"
            )
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
