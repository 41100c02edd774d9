"""Interpolation of the inverse of a parametric matrix between a few parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .error_estimator import dual_tests

__all__ = ["InverseInterpolation", "interpolate_inverse"]

PLACES = 3  # limit of matrices to factor
ENOUGH = 0.3  # relative remainder below which no further matrix is factored
FITTED = 8  # columns of Z that the weights are fitted to, which is plenty with n entries each
RIDGE = 1e-12  # ridge of the normal equations relative to their trace, because places may nearly coincide


@dataclass(frozen=True, eq=False)
class InverseInterpolation:
    r"""Weights w of random tests :math:`W_i=A(\mu_i)^{-*}Z` such that :math:`\sum_iw_iW_i\approx A(\mu)^{-*}Z`.

    The weights minimise :math:`\|Z-A(\mu)^*\sum_iw_iW_i\|_F` :cite:`ZahmNouy2016` over the first columns of Z, at a
    cost that does not depend on the number of unknowns. Made by `interpolate_inverse`.

    Parameters
    ----------
    gram : ndarray, shape (P, Q, P, Q)
        Inner products of the images :math:`A_q^*W_i`.
    target : ndarray, shape (P, Q)
        Inner products of the images with Z.
    size : float
        Squared norm of Z.
    """

    gram: np.ndarray
    target: np.ndarray
    size: float

    def weights(self, theta: np.ndarray) -> np.ndarray:
        """Return weights, shape (count, P), for rows of coefficients of the affine form, shape (count, Q)."""
        return self._solved(theta)[0]

    def remainders(self, theta: np.ndarray) -> np.ndarray:
        """Return the norms of the remainders, relative to that of Z, for rows of coefficients."""
        weights, load = self._solved(theta)
        explained = np.sum(weights.conj() * load, axis=1).real
        return np.sqrt(np.maximum(1.0 - explained / self.size, 0.0))

    def _solved(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places, terms = self.target.shape
        pairs = (theta[:, :, None] * theta[:, None].conj()).reshape(len(theta), -1)
        table = self.gram.transpose(1, 3, 0, 2).reshape(terms * terms, -1)
        matrices = (pairs @ table).reshape(-1, places, places)
        load = theta @ self.target.T
        ridge = RIDGE * np.trace(matrices, axis1=1, axis2=2).real
        matrices = matrices + ridge[:, None, None] * np.eye(places)
        return np.linalg.solve(matrices, load[..., None])[..., 0], load


def interpolate_inverse(affine: Any, points: np.ndarray, functionals: np.ndarray) -> tuple[InverseInterpolation, Any]:
    """Return an interpolation between the matrices at a few of the given parameters, and the tests of each.

    The first parameter is the most central one; each further one is that with the largest remainder.

    Parameters
    ----------
    affine : AffineForm
    points : ndarray, shape (count, p)
        Parameters to choose from.
    functionals : ndarray, shape (n, tests)
        The matrix Z.

    Returns
    -------
    InverseInterpolation
    ndarray, shape (P, n, tests)

    Examples
    --------
    >>> from scipy.sparse import diags_array
    >>> from ritz.problem_types.parametric.affine_form import AffineForm
    >>> stiff = diags_array([2.0, -1.0, -1.0], offsets=[0, 1, -1], shape=(50, 50))
    >>> affine = AffineForm([stiff, diags_array(np.ones(50))], lambda mu: [1.0, mu[0]], np.ones((1, 50)))
    >>> points = np.geomspace(0.1, 10.0, 9)[:, None]
    >>> found, tests = interpolate_inverse(affine, points, np.random.default_rng(0).standard_normal((50, 24)))
    >>> tests.shape[0] <= 3, bool(found.remainders(np.array([[1.0, 3.0]]))[0] < 0.2)
    (True, True)
    """
    theta = np.stack([affine.theta(mu) for mu in points])
    directions = theta / np.maximum(np.abs(theta).sum(axis=1), 1e-300)[:, None]
    row = int(np.argmin(np.linalg.norm(directions - directions.mean(axis=0), axis=1)))
    target = functionals[:, :FITTED].reshape(-1)
    terms = theta.shape[1]
    found = InverseInterpolation(np.empty((0, terms, 0, terms)), np.empty((0, terms)), float(np.sum(target**2)))
    adjoints = affine.operators if affine.symmetric else [A.conj().T.tocsr() for A in affine.operators]
    tests: list[np.ndarray] = []
    images: list[np.ndarray] = []
    while True:
        tests.append(dual_tests(affine.operator(points[row]), functionals, symmetric=affine.symmetric))
        fitted = np.ascontiguousarray(tests[-1][:, :FITTED])
        images.append(np.stack([np.asarray(A @ fitted).reshape(-1) for A in adjoints]))
        found = _extended(found, images, target)
        left = found.remainders(theta)
        row = int(np.argmax(left))
        if len(tests) == min(PLACES, len(points)) or left[row] <= ENOUGH:
            return found, np.stack(tests)


def _extended(found: InverseInterpolation, images: list[np.ndarray], target: np.ndarray) -> InverseInterpolation:
    """Return the interpolation extended by the last of the images."""
    new, last = images[-1], len(images) - 1
    gram = np.zeros((len(images), len(new), len(images), len(new)), dtype=new.dtype)
    gram[:last, :, :last] = found.gram
    for place, block in enumerate(images):
        gram[place, :, last] = block.conj() @ new.T
        gram[last, :, place] = gram[place, :, last].conj().T
    return InverseInterpolation(gram, np.concatenate([found.target, (new.conj() @ target)[None]]), found.size)
