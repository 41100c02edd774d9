"""Dissimilarity measures between subspaces, such as those of two trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.snapshots import check_product

from ..bases.inner_product import checked_states, inner
from ..bases.orthogonal_decomposition import Basis, pod

__all__ = ["SUBSPACE_DISSIMILARITIES", "projection_dissimilarities", "subspace_dissimilarities", "trajectory_bases"]

SUBSPACE_DISSIMILARITIES: dict[str, Callable[[np.ndarray, int], float]] = {
    "grassmann": lambda angles, lacking: float(np.sqrt(np.sum(angles**2) + lacking * (np.pi / 2.0) ** 2)),
    "chordal": lambda angles, lacking: float(np.sqrt(np.sum(np.sin(angles) ** 2) + lacking)),
    "procrustes": lambda angles, lacking: float(np.sqrt(4.0 * np.sum(np.sin(angles / 2.0) ** 2) + 2.0 * lacking)),
    "projection": lambda angles, lacking: 1.0 if lacking else float(np.sin(angles.max())),
    "asimov": lambda angles, lacking: np.pi / 2.0 if lacking else float(angles.max()),
    "fubini-study": lambda angles, lacking: np.pi / 2.0 if lacking else float(np.arccos(np.prod(np.cos(angles)))),
    "binet-cauchy": lambda angles, lacking: 1.0 if lacking else _one_minus(float(np.prod(np.cos(angles) ** 2))),
}
"""Functions of the principal angles and the difference of dimensions; surplus dimensions count as right angles."""


def trajectory_bases(states: Any, groups: Any, *, product: Any = None, energy: float = 1e-5) -> list[Basis]:
    """Return a basis for each trajectory, in the order of the sorted groups.

    Parameters
    ----------
    states : array, shape (count, n)
    groups : array, shape (count,)
        Trajectory of each state.
    product : Operator or matrix, optional
        Inner product, symmetric positive definite; Euclidean by default.
    energy : float
        Fraction of the energy of a trajectory that its basis may leave out.
    """
    rows, names = checked_states(states), np.asarray(groups)
    if names.shape != (len(rows),):
        raise InvalidProblem(f"groups have shape {names.shape}; there must be one for each of {len(rows)} states")
    return [pod(rows[names == name], product=product, energy=energy, normalise=False) for name in np.unique(names)]


def subspace_dissimilarities(bases: Sequence[Basis], kind: str = "grassmann") -> np.ndarray:
    """Return dissimilarities of subspaces, functions of their principal angles :cite:`YeLim2016`.

    Parameters
    ----------
    bases : sequence of Basis
        Bases of any sizes; surplus dimensions of the larger one count as right angles.
    kind : str
        ``"grassmann"`` (root of the sum of the squared angles), ``"chordal"`` (root of the sum of their squared sines),
        ``"procrustes"``, ``"projection"`` (largest sine), ``"asimov"`` (largest angle), ``"fubini-study"`` or
        ``"binet-cauchy"``. For lines, ``"chordal"`` is the sine of `dissimilarities`.

    Returns
    -------
    ndarray, shape (len(bases), len(bases))

    Examples
    --------
    >>> lines = [pod(np.array([[1.0, 0.0]])), pod(np.array([[1.0, 1.0]]))]
    >>> subspace_dissimilarities(lines, "chordal").round(4).tolist()
    [[0.0, 0.7071], [0.7071, 0.0]]
    """
    measure = SUBSPACE_DISSIMILARITIES[check_choice("dissimilarity", kind, SUBSPACE_DISSIMILARITIES)]
    found = np.zeros((len(bases), len(bases)))
    for i, first in enumerate(bases):
        for j in range(i):
            second = bases[j]
            cosines = np.linalg.svd(inner(first.modes.T, second.modes.T, first.product), compute_uv=False)
            angles = np.arccos(np.clip(cosines, 0.0, 1.0))
            found[i, j] = found[j, i] = measure(angles, abs(first.size - second.size))
    return found


def projection_dissimilarities(
    states: Any, groups: Any, *, size: int, product: Any = None, symmetric: bool = True
) -> np.ndarray:
    """Return the relative errors of projecting each trajectory onto the leading modes of another.

    This is the error that clustering should keep small if one trajectory represents others. For single states it is
    the sine of `dissimilarities`.

    Parameters
    ----------
    states : array, shape (count, n)
    groups : array, shape (count,)
        Trajectory of each state.
    size : int
        Number of modes of each trajectory.
    product : Operator or matrix, optional
        Inner product, symmetric positive definite; Euclidean by default.
    symmetric : bool
        Return the larger error of each pair; otherwise row i holds the errors of trajectory i.

    Returns
    -------
    ndarray, shape (trajectories, trajectories)

    Examples
    --------
    >>> projection_dissimilarities(np.eye(3), [0, 0, 1], size=1).round(4).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    rows, names = checked_states(states), np.asarray(groups)
    operator = check_product(product, rows.shape[1])
    trajectories = [rows[names == name] for name in np.unique(names)]
    bases = [pod(each, product=operator, size=size, normalise=False) for each in trajectories]
    found = np.zeros((len(bases), len(bases)))
    for i, each in enumerate(trajectories):
        total = np.sum(np.abs(inner(each, each, operator).diagonal()))
        for j, basis in enumerate(bases):
            if i != j:
                captured = np.sum(np.abs(basis.coefficients(each)) ** 2)
                found[i, j] = np.sqrt(max(1.0 - captured / total, 0.0))
    return np.maximum(found, found.T) if symmetric else found


def _one_minus(square: float) -> float:
    return float(np.sqrt(max(1.0 - square, 0.0)))
