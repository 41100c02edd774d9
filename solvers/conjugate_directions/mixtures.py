"""Training residuals: random mixtures of Ritz vectors."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ritz.arguments import check_integer, check_seed
from ritz.operators import Operator
from ritz.solvers.spectrum.krylov_space import KrylovSpace
from ritz.solvers.spectrum.products import Products

__all__ = ["ritz_mixtures"]

LOW_FRACTION = 0.55  # of the Ritz vectors, counted from the lowest, with larger coefficients
LOW_FACTOR = 9.0  # by which these coefficients are larger
NULL = 1e-8  # Ritz values below this fraction of the largest belong to the nullspace
BLOCK = 100  # number of mixtures formed at a time


def ritz_mixtures(
    operator: Operator, count: int, *, steps: int, seed: int = 0, folder: str | os.PathLike[str]
) -> np.ndarray:
    """Return random mixtures of the Ritz vectors of an operator, with emphasis on the low ones :cite:`Kaneda2023`.

    A Lanczos process with full reorthogonalisation starts from A times a random vector. The coefficients of the
    mixtures are normally distributed, and nine times larger for the lower 55 % of the Ritz vectors. The basis and the
    mixtures are memory-mapped files, and either may exceed the memory. The basis takes O(n steps^2) operations and
    the mixtures O(n steps count).

    Parameters
    ----------
    operator : Operator, shape (n, n)
        Symmetric positive (semi)definite operator.
    count : int
        Number of mixtures.
    steps : int
        Number of Lanczos steps.
    seed : int
        Seed of the starting vector and the coefficients.
    folder : path
        Folder of ``basis.bin``, which is removed at the end, and of ``mixtures.bin``, which backs the returned array.

    Returns
    -------
    ndarray of float32, shape (count, n)
        Mixtures as rows, each with a root mean square of one.

    Raises
    ------
    InvalidProblem
        If `count` or `steps` is not positive or the operator is not symmetric.

    Examples
    --------
    >>> import ritz, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     operator = ritz.problems.poisson((8, 8)).operator
    ...     ritz_mixtures(operator, 5, steps=20, folder=folder).shape
    (5, 64)
    """
    folder, size = Path(folder), operator.shape[0]
    count, steps = check_integer("count", count), min(check_integer("steps", steps), size)
    draws = np.random.default_rng((check_seed(seed), 0))
    start = np.asarray(operator @ draws.standard_normal(size), dtype=np.float64)
    storage = np.memmap(folder / "basis.bin", dtype=np.float64, mode="w+", shape=(size, steps), order="F")
    space = KrylovSpace(Products(operator, "ritz_mixtures"), start.reshape(size, 1), steps, storage)
    while space.size < steps and not space.invariant:
        space.expand()
    projected = space.projected
    values, combinations = eigh_tridiagonal(projected.diagonal(), projected.diagonal(1))
    combinations = combinations[:, values > NULL * values.max()]
    scale = np.where(np.arange(combinations.shape[1]) < LOW_FRACTION * combinations.shape[1], LOW_FACTOR, 1.0)
    mixtures = np.memmap(folder / "mixtures.bin", dtype=np.float32, mode="w+", shape=(count, size))
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        coefficients = scale[:, None] * draws.standard_normal((len(scale), last - first))
        block = space.basis[:, : space.size] @ (combinations @ coefficients)
        mixtures[first:last] = (block / np.sqrt((block**2).mean(axis=0))).T
    del space, storage
    (folder / "basis.bin").unlink()
    return mixtures
