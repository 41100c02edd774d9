"""Starting vectors for sequences of linear systems, extrapolated from previous solutions."""

from __future__ import annotations

from math import comb

import numpy as np

from ritz.backend import Array, asarray_like, machine_epsilon, to_numpy

__all__ = ["Extrapolation"]

DEPTH = 4  # number of previous solutions used
SAMPLE = 1024  # least number of entries by which guesses are compared
# Row j forms the j-th backward difference of a sequence, newest first.
DIFFERENCES = np.array([[(-1.0) ** i * comb(j, i) for i in range(DEPTH)] for j in range(DEPTH)])
NOISE = np.array([comb(2 * j, j) for j in range(DEPTH)])  # squared norms of these rows
INDEPENDENT = 1e-12  # a difference is dropped if elimination reduces its pivot below this fraction
KINDS = ("least squares", "quadratic")


class Extrapolation:
    r"""Starting vectors for systems with the same operator, formed from previous solutions.

    There are two candidates. The first is the combination of the last four solutions with the least residual, a
    projection similar to that of :cite:`Fischer1998`; since :math:`A x_i \approx b_i`, it needs inner products of
    right-hand sides but no products with A. The second is quadratic extrapolation. The first suits solutions that decay
    at few rates (diffusion), the second suits transport (flows), where a small residual may hide a large smooth error.
    The candidate that would have been closer to the solution of the previous step is used; docs/sequences.md gives
    measurements.

    Takes memory for nine vectors, on the host, and about twenty passes over a vector per step, less than an iteration
    of conjugate gradients.

    Parameters
    ----------
    like : array, shape (n,) or (n, k)
        A vector of the sequence, of which the shape and dtype are used.

    Examples
    --------
    >>> operator, extrapolation = np.diag([1.0, 2.0]), Extrapolation(np.zeros(2))
    >>> for time in range(3):
    ...     solution = np.array([1.0 + time, 2.0])
    ...     extrapolation.append(solution, operator @ solution, 0.0)
    >>> guess, kind = extrapolation.guess(operator @ np.array([4.0, 2.0]))
    >>> guess.round(6).tolist(), kind
    ([4.0, 2.0], 'least squares')
    """

    def __init__(self, like: Array):
        vector = to_numpy(like).reshape(-1)
        self._solutions = np.zeros((DEPTH, vector.size), vector.dtype)
        self._rhs, self._guess = np.zeros_like(self._solutions), np.zeros_like(vector)
        self._gram = np.zeros((DEPTH, DEPTH))  # inner products of right-hand sides, newest first
        self._order = np.zeros(0, dtype=np.int64)  # rows in use, newest first
        self._residual, self._choice = 0.0, 0
        self._weights: np.ndarray | None = None  # of both candidates, newest first
        self._every = 1 + 2 * (vector.size // (2 * SAMPLE))  # odd, so samples are not confined to a few grid lines

    def append(self, x: Array, rhs: Array, residual: float) -> None:
        """Add the solution `x` for `rhs`, whose relative residual is `residual`."""
        from ritz.sequences.kernels import errors

        solution, known = to_numpy(x).reshape(-1), to_numpy(rhs).reshape(-1)
        if self._weights is not None:
            distances = errors(self._solutions, self._order, self._weights, solution, self._every)
            self._choice = int(distances[1] < distances[0])
        row = len(self._order) if len(self._order) < DEPTH else int(self._order[-1])
        self._solutions[row], self._rhs[row] = solution, known
        self._order = np.append(row, self._order[: DEPTH - 1])
        self._gram[1:, 1:] = self._gram[:-1, :-1]
        self._gram[0, : len(self._order)] = (self._rhs @ self._rhs[row])[self._order]
        self._gram[:, 0] = self._gram[0]
        self._residual = residual

    def guess(self, rhs: Array) -> tuple[Array, str]:
        """Return a starting vector for `rhs` and its kind, one of `KINDS`.

        The next call overwrites the vector. At least one solution must have been appended before.
        """
        known = to_numpy(rhs).reshape(-1).astype(self._rhs.dtype, copy=False)
        differences = DIFFERENCES[: len(self._order), : len(self._order)]
        self._weights = np.stack([self._least_squares(known), differences[:3].sum(axis=0)])
        weights = np.zeros(DEPTH, known.dtype)  # of rows
        weights[self._order] = self._weights[self._choice]
        np.matmul(weights, self._solutions, out=self._guess)
        return asarray_like(self._guess.reshape(rhs.shape), rhs), KINDS[self._choice]

    def _least_squares(self, rhs: np.ndarray) -> np.ndarray:
        """Return the weights that minimise the residual, newest first; the solutions' residuals are treated as noise.

        The weights are computed for backward differences, which are far better conditioned than the solutions.
        """
        from ritz.sequences.kernels import solve_definite

        count, products = len(self._order), (self._rhs @ rhs)[self._order]
        differences = DIFFERENCES[:count, :count]
        gram = differences @ self._gram[:count, :count] @ differences.T
        noise = (self._residual**2 + machine_epsilon(rhs.dtype)) * gram[0, 0]
        gram.flat[:: count + 1] += noise * NOISE[:count]
        return solve_definite(gram, differences @ products, INDEPENDENT) @ differences
