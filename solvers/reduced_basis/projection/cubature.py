"""Empirical cubature: a sum over all points, approximated by a weighted sum over a few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_number, check_seed
from ritz.errors import InvalidProblem

__all__ = ["Cubature", "empirical_cubature", "sparse_nonnegative_weights"]

BLOCK = 4096  # points whose integrands are formed at a time
MOST = 600  # limit of integrands, beyond which as many random combinations replace them
INDEPENDENT = 1e-12  # smallest eigenvalue of the Gram matrix of integrands kept, relative to the largest


@dataclass(frozen=True, eq=False)
class Cubature:
    """A rule ``sum_i f_i ~ sum_k weights[k] f[points[k]]`` with positive weights.

    Parameters
    ----------
    points : ndarray, shape (m,)
        Ascending.
    weights : ndarray, shape (m,)
    error : float
        Root mean square of the relative errors of the training integrals.
    """

    points: np.ndarray
    weights: np.ndarray
    error: float


def empirical_cubature(
    modes: Any, terms: Any, *, tolerance: float = 1e-3, maximum: int | None = None, seed: int = 0
) -> Cubature:
    """Return points and weights for the projection of a term onto modes, ``sum_i modes[i, j] g_i``.

    The training integrands are all products of a mode and a term. The empirical cubature method
    :cite:`HernandezCaicedoFerrer2017` finds non-negative weights on as few points as possible that sum their dominant
    combinations to the given accuracy. Unlike interpolation, non-negative weights preserve symmetry and definiteness
    :cite:`FarhatChapmanAvery2015`.

    Parameters
    ----------
    modes : array, shape (n, size)
    terms : array, shape (count, n)
        Training terms: snapshots of g, or their modes times their singular values.
    tolerance : float
        Relative error of the training integrals at which to stop adding points.
    maximum : int, optional
        Limit of points.
    seed : int
        Seed of the random combinations of modes and terms whose products replace the integrands if there are more than
        600.

    Raises
    ------
    InvalidProblem
        If shapes do not fit, or every integrand is zero.

    Notes
    -----
    Working memory is a few hundred times n, because the integrands are never stored together.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 400)
    >>> rule = empirical_cubature(np.stack([x**0, x], axis=1), np.stack([x, x**2]), tolerance=1e-10)
    >>> rule.points.size <= 4, bool(np.isclose(rule.weights @ x[rule.points] ** 3, np.sum(x**3)))
    (True, True)
    """
    columns, rows = np.asarray(modes), np.atleast_2d(terms)
    if columns.ndim != 2 or rows.ndim != 2 or columns.shape[0] != rows.shape[1]:
        raise InvalidProblem(
            f"modes have shape {columns.shape} and terms {rows.shape}; they must be (n, size) and (count, n)"
        )
    check_number("tolerance", tolerance, above=0.0, below=1.0)
    n = rows.shape[1]
    blocks = [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
    mix = None
    if columns.shape[1] * len(rows) > MOST:
        generator = np.random.default_rng(check_seed(seed))
        mix = generator.standard_normal((columns.shape[1], MOST)), generator.standard_normal((MOST, len(rows)))

    def integrands(block: slice) -> np.ndarray:
        return _integrands(columns[block], rows[:, block], mix)

    gram = sum(part @ part.T for part in map(integrands, blocks))
    values, vectors = np.linalg.eigh(gram)
    if values[-1] <= 0.0:
        raise InvalidProblem("every product of a mode and a term is zero: there is nothing to sum")
    # The combinations left out contribute less to the error than the tolerance allows.
    left_out = np.cumsum(np.maximum(values, 0.0)) <= (0.1 * tolerance) ** 2 * np.sum(np.maximum(values, 0.0))
    kept = ~left_out & (values > INDEPENDENT * values[-1])
    combine = vectors[:, kept].T
    functions = np.concatenate([combine @ part for part in map(integrands, blocks)], axis=1)
    limit = n if maximum is None else int(maximum)
    weights, error = sparse_nonnegative_weights(functions, functions.sum(axis=1), tolerance=tolerance, maximum=limit)
    points = np.flatnonzero(weights)
    return Cubature(points, weights[points], error)


def sparse_nonnegative_weights(
    functions: np.ndarray, sums: np.ndarray, *, tolerance: float, maximum: int
) -> tuple[np.ndarray, float]:
    """Return w >= 0 with few nonzeros and ``|functions @ w - sums| <= tolerance |sums|``, and the error reached.

    Runs the active-set method of non-negative least squares :cite:`LawsonHanson1974` until the tolerance is met. In
    each step, the entry whose normalised column reduces the residual fastest enters.

    Parameters
    ----------
    functions : ndarray, shape (rows, n)
    sums : ndarray, shape (rows,)
    tolerance : float
    maximum : int
        Limit of nonzero weights.
    """
    n = functions.shape[1]
    lengths = np.linalg.norm(functions, axis=0)
    usable = lengths > 1e-12 * lengths.max()
    weights = np.zeros(n)
    active = np.empty(0, dtype=np.int64)
    residual = sums.copy()
    scale = float(np.linalg.norm(sums)) or 1.0
    refused = np.zeros(n, dtype=bool)  # points that entered and left in the same step
    while np.linalg.norm(residual) > tolerance * scale and active.size < maximum:
        gain = np.where(usable & ~refused, functions.T @ residual, -np.inf) / np.where(usable, lengths, 1.0)
        gain[active] = -np.inf
        entering = int(np.argmax(gain))
        if gain[entering] <= 1e-14 * scale:
            break
        active = np.append(active, entering)
        active = _feasible(functions, sums, weights, active)
        refused[:] = False if entering in active else refused
        refused[entering] = entering not in active
        residual = sums - functions[:, active] @ weights[active]
    return weights, float(np.linalg.norm(residual) / scale)


def _feasible(functions: np.ndarray, sums: np.ndarray, weights: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Move `weights` to the least-squares solution on the active points that stay positive; return these points."""
    while active.size:
        wanted = np.linalg.lstsq(functions[:, active], sums, rcond=None)[0]
        if (wanted > 0.0).all():
            weights[active] = wanted
            return active
        now = weights[active]
        blocking = wanted <= 0.0
        step = np.min(now[blocking] / np.maximum(now[blocking] - wanted[blocking], 1e-300))
        moved = now + step * (wanted - now)
        moved[blocking & (moved <= 1e-14 * moved.max(initial=0.0))] = 0.0
        moved[np.argmin(np.where(blocking, moved, np.inf))] = 0.0
        weights[active] = moved
        active = active[moved > 0.0]
    return active


def _integrands(modes: np.ndarray, terms: np.ndarray, mix: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Return the products of modes and terms, or their combinations, as rows; complex ones as two real rows."""
    if mix is None:
        products = (terms[:, None, :] * modes.conj().T[None, :, :]).reshape(-1, modes.shape[0])
    else:
        products = (modes.conj() @ mix[0]).T * (mix[1] @ terms)
    return np.concatenate([np.real(products), np.imag(products)]) if np.iscomplexobj(products) else products
