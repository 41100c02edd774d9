"""Right-hand sides for training, mixed from Ritz vectors."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.solvers.spectrum.krylov_space import KrylovSpace
from ritz.solvers.spectrum.products import Products

__all__ = ["ritz_mixtures"]

LOW_SHARE = 0.55  # of the Ritz vectors, from the lowest on, that
LOW_FACTOR = 9.0  # are mixed in with this much larger coefficients
NULL = 1e-8  # of the largest Ritz value, below which a vector belongs to the nullspace
BLOCK = 100  # mixtures made at once


def ritz_mixtures(
    operator: Operator, count: int, *, steps: int, seed: int = 0, folder: str | os.PathLike[str]
) -> np.ndarray:
    """Return random mixtures of the Ritz vectors of an operator, the low ones emphasised :cite:`Kaneda2023`.

    The Lanczos process with full re-orthogonalisation starts from A times a random vector. Coefficients of the
    mixtures are normal, nine times larger for the lower 55 % of the Ritz vectors. The basis and the mixtures are memory
    maps of files, so that either may exceed memory. Time: O(n steps^2) for the basis and O(n steps count) for the
    mixtures.

    Parameters
    ----------
    operator : Operator, shape (n, n)
        Symmetric, positive (semi)definite.
    count : int
        Mixtures.
    steps : int
        Of the Lanczos process.
    seed : int
    folder : path
        For ``basis.bin``, which is removed at the end, and ``mixtures.bin``, which the array returned is a map of.

    Returns
    -------
    ndarray of float32, shape (count, n)
        Of root mean square one.

    Raises
    ------
    InvalidProblem
        If `count` or `steps` is not positive, or the operator not symmetric.

    Examples
    --------
    >>> import ritz, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     operator = ritz.problems.poisson((8, 8)).operator
    ...     ritz_mixtures(operator, 5, steps=20, folder=folder).shape
    (5, 64)
    """
    if count < 1 or steps < 1:
        raise InvalidProblem(f"count is {count} and steps {steps}; both must be positive")
    folder, size = Path(folder), operator.shape[0]
    steps = min(steps, size)
    draws = np.random.default_rng((seed, 0))
    start = np.asarray(operator @ draws.standard_normal(size), dtype=np.float64)
    storage = np.memmap(folder / "basis.bin", dtype=np.float64, mode="w+", shape=(size, steps), order="F")
    space = KrylovSpace(Products(operator, "ritz_mixtures"), start.reshape(size, 1), steps, storage)
    while space.size < steps and not space.invariant:
        space.expand()
    projected = space.projected
    values, combinations = eigh_tridiagonal(projected.diagonal(), projected.diagonal(1))
    combinations = combinations[:, values > NULL * values.max()]
    scale = np.where(np.arange(combinations.shape[1]) < LOW_SHARE * combinations.shape[1], LOW_FACTOR, 1.0)
    mixtures = np.memmap(folder / "mixtures.bin", dtype=np.float32, mode="w+", shape=(count, size))
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        coefficients = scale[:, None] * draws.standard_normal((len(scale), last - first))
        block = space.basis[:, : space.size] @ (combinations @ coefficients)
        mixtures[first:last] = (block / np.sqrt((block**2).mean(axis=0))).T
    del space, storage
    (folder / "basis.bin").unlink()
    return mixtures
