"""Data for least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.problem_types.least_squares import LeastSquares
from ritz.registry import problems

__all__ = ["adversarial_regression", "regression", "sparse_regression"]


@problems.register("regression")
def regression(
    m: int = 2000,
    d: int = 20,
    *,
    condition: float = 1e3,
    noise: float = 1e-2,
    coherence: float = 0.0,
    columns: int = 1,
    seed: int = 0,
) -> LeastSquares:
    r"""Return a least-squares problem with a dense A of given spectrum and a known minimiser.

    :math:`A=Q\,\mathrm{diag}(\sigma)V^T` has singular values spaced evenly on a logarithmic scale, and
    :math:`b=Ax^*+r` with r orthogonal to the columns of A.

    Parameters
    ----------
    m, d : int
        Numbers of rows and columns, ``m > d``.
    condition : float
        Ratio of the largest singular value, which is :math:`\sqrt m`, to the smallest.
    noise : float
        Norm of r relative to that of :math:`Ax^*`.
    coherence : float
        Share of d rows, less than 1, in the squared norm of every column of Q, and thus in the leverage scores; the
        other rows share the rest about evenly.
    columns : int
        Number of right-hand sides; with one, b is a vector.
    seed : int
        Seed of the data.

    Returns
    -------
    LeastSquares
        ``exact`` is the minimiser, up to rounding errors amplified by the condition number.

    Examples
    --------
    >>> problem = regression(500, 5, condition=10.0)
    >>> problem.shape, float(round(np.linalg.cond(problem.A), 6))
    ((500, 5), 10.0)
    """
    d = check_integer("d", d, least=1)
    m = check_integer("m", m, least=d + 1)
    columns = check_integer("columns", columns, least=1)
    condition = check_number("condition", condition, least=1.0)
    noise = check_number("noise", noise, least=0.0)
    coherence = check_number("coherence", coherence, least=0.0, below=1.0)
    generator = np.random.default_rng(check_seed(seed))
    basis = _orthonormal(generator.standard_normal((m, d)))
    if coherence:
        basis *= np.sqrt(1.0 - coherence)
        basis[generator.permutation(m)[:d]] += np.sqrt(coherence) * np.eye(d)
        basis = _orthonormal(basis)
    right = _orthonormal(generator.standard_normal((d, d)))
    spectrum = np.sqrt(m) * np.logspace(0.0, -np.log10(condition), d)
    A = basis @ (spectrum[:, None] * right.T)
    exact = generator.standard_normal((d, columns))
    b = A @ exact
    residual = generator.standard_normal((m, columns))
    for _ in range(2):  # a single projection leaves rounding errors
        residual -= basis @ (basis.T @ residual)
    b += residual * (noise * np.linalg.norm(b, axis=0) / np.linalg.norm(residual, axis=0))
    if columns == 1:
        b, exact = b[:, 0], exact[:, 0]
    return LeastSquares(A, b, exact=exact, name=f"regression {m} x {d}")


@problems.register("adversarial-regression")
def adversarial_regression(m: int = 4096, d: int = 64, *, spikes: int = 8) -> LeastSquares:
    r"""Return a least-squares problem on which sparse sketches make large errors in single coordinates.

    A is the identity on top of zeros, and b has `spikes` equal entries below the identity, with norm 1 in total, so
    :math:`x^*=0` and :math:`\|r\|=\|A^+\|=1`. If a sketch adds the row of a spike to the row of a unit vector, one
    coordinate of its solution is as large as the spike. With 8 spikes and a CountSketch of 8 d rows, one such collision
    is expected.

    Parameters
    ----------
    m, d : int
        Numbers of rows and columns.
    spikes : int
        Number of non-zero entries of b, at most ``m - d``.

    Examples
    --------
    >>> adversarial_regression(8, 2, spikes=4).b.tolist()
    [0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]
    """
    d = check_integer("d", d, least=1)
    spikes = check_integer("spikes", spikes, least=1)
    m = check_integer("m", m, least=d + spikes)
    b = np.zeros(m)
    b[d : d + spikes] = spikes**-0.5
    return LeastSquares(np.eye(m, d), b, exact=np.zeros(d), name=f"adversarial regression {m} x {d}")


@problems.register("sparse-regression")
def sparse_regression(
    m: int = 5000, d: int = 50, *, density: float = 0.02, condition: float = 1e4, noise: float = 1e-2, seed: int = 0
) -> LeastSquares:
    r"""Return a least-squares problem with a sparse A whose columns come in nearly parallel pairs.

    From the columns :math:`g_j` of a random sparse matrix, A has the columns :math:`g_{2j}` and
    :math:`g_{2j}+\varepsilon_jg_{2j+1}`, with :math:`\varepsilon_j` spaced evenly on a logarithmic scale down to
    ``1 / condition``. This gives singular values of all magnitudes, which column scaling does not improve.

    Parameters
    ----------
    m, d : int
        Numbers of rows and columns.
    density : float
        Share of non-zero entries; each column has at least one.
    condition : float
        Approximate condition number of A.
    noise : float
        Norm of the residual relative to that of A x.
    seed : int
        Seed of the data.

    Examples
    --------
    >>> sparse_regression(1000, 10).A.nnz < 500
    True
    """
    from scipy.sparse import coo_array, csr_array, random_array

    d = check_integer("d", d, least=2)
    m = check_integer("m", m, least=d + 1)
    density = check_number("density", density, least=0.0, below=1.0)
    condition = check_number("condition", condition, least=1.0)
    noise = check_number("noise", noise, least=0.0)
    generator = np.random.default_rng(check_seed(seed))
    drawn = random_array(
        (m, d), density=density, rng=generator, data_sampler=lambda size: generator.standard_normal(size)
    )
    sure = coo_array((np.ones(d), (generator.permutation(m)[:d], np.arange(d))), shape=(m, d))
    pairs = d // 2
    small = np.logspace(0.0, -np.log10(condition), pairs)
    first, second = 2 * np.arange(pairs), 2 * np.arange(pairs) + 1
    diagonal = np.ones(d)
    diagonal[second] = small
    entries = (np.concatenate((diagonal, np.ones(pairs))), np.stack((np.r_[:d, first], np.r_[:d, second])))
    A: Any = csr_array(drawn + sure) @ csr_array(coo_array(entries, shape=(d, d)))
    b = A @ generator.standard_normal(d)
    error = generator.standard_normal(m)
    b += error * (noise * np.linalg.norm(b) / np.linalg.norm(error))
    return LeastSquares(A, b, name=f"sparse regression {m} x {d}")


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.qr(matrix)[0]
