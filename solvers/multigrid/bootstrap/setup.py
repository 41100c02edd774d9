"""Bootstrap algebraic multigrid: each hierarchy is built for the error that the previous ones reduce slowly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ritz.backend import Array, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag, aslinearoperator
from ritz.operators.foreign_arrays import as_plain
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import through_numpy
from ritz.operators.sparse_entries import sparse_entries
from ritz.solver import require_symmetric
from ritz.solvers.preconditioners.incomplete_cholesky import NotPositiveDefinite

from ..grid.precision import single_precision_suffices
from .aggregation_hierarchy import build_hierarchy, in_precision
from .composite import CompositeCorrection
from .options import BootstrapOptions
from .slow_error import nullspace_projection, slow_error
from .stopping_rule import rate_worth_another

__all__ = ["Bootstrap", "bootstrap", "build_bootstrap"]

MOST = 48  # iterations after which the estimate of a rate is taken as it is
DIVERGING = 1.01  # rate of a symmetric composite, at most 1, that shows rounding errors
ORDINARY = 1e-15, 1e15  # range of the largest entry that is safe from overflow and underflow in single precision


class Bootstrap(Operator):
    """Composite of multigrid hierarchies as an approximate inverse, built by `bootstrap`.

    Attributes
    ----------
    hierarchies : tuple of AggregationHierarchy
    rates : ndarray, shape (hierarchies,)
        Factor by which an iteration with the first 1, 2, ... hierarchies reduces the energy norm of a slowly
        converging error.
    """

    def __init__(
        self, operator: Operator, composite: CompositeCorrection, smooth_vectors: list[np.ndarray], rates: list[float]
    ):
        self.shape, self.dtype = operator.shape, operator.dtype
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE} if composite.symmetric else ())
        self.hierarchies, self.rates = tuple(composite.hierarchies), np.array(rates)
        self._composite, self._vectors = composite, smooth_vectors

    @cached_property
    def smooth_vectors(self) -> np.ndarray:
        """The given smooth vector, and the slow error of each composite, as columns ``(n, hierarchies + 1)``.

        Slow errors have energy norm 1 and, for singular operators, mean zero on each component.
        """
        return np.stack(self._vectors, axis=1)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Number of hierarchies, their levels and rates, entries relative to the operator, and precision."""
        return {
            "hierarchies": len(self.hierarchies),
            "levels": [len(hierarchy.sizes) for hierarchy in self.hierarchies],
            "operator_complexity": 1.0 + sum(hierarchy.coarse_complexity for hierarchy in self.hierarchies),
            "rates": self.rates.tolist(),
            "precision": self._composite.matrix.dtype.name,
        }

    def apply(self, residual: Array) -> Array:
        """Return the approximate solution of ``A x = residual`` for a vector ``(n,)`` or a block ``(n, k)``.

        The columns of a block share each pass over the matrices.
        """
        return self @ residual

    def _apply(self, x: Array) -> Array:
        return through_numpy(lambda rhs: self._composite.correct(rhs).astype(self.dtype, copy=False), x)


def bootstrap(
    matrix: Any,
    *,
    smooth_vector: Any = None,
    target_rate: float | None = None,
    max_hierarchies: int = 3,
    composition: str = "symmetrised",
    cycle: str = "V",
    smoother: str = "gauss-seidel",
    aggregate_size: int = 8,
    prolongation: str = "smoothed",
    trials: int = 6,
    seed: int = 0,
) -> Bootstrap:
    r"""Return an approximate inverse of a symmetric positive (semi-)definite matrix, with its slowly converging errors.

    A hierarchy is built along a smooth vector w by compatible matching
    (`ritz.solvers.multigrid.bootstrap.compatible_matching`). The composite of all hierarchies so far is applied to
    :math:`A x = 0` from a random start. The error that remains after a few iterations converges slowly; it is the w of
    the next hierarchy, until an iteration reduces the energy norm by the target rate :cite:`DAmbraVassilevski2013`,
    :cite:`DAmbraFilipponeVassilevski2018`, :cite:`DAmbraCutilloVassilevski2019`. If the composite is symmetric, w is
    the slowest combination of the last iterates rather than the last iterate, which takes fewer iterations.

    Parameters
    ----------
    matrix : Operator or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric positive definite or semidefinite, with known entries. Graph Laplacians with any number of components
        are recognised; isolated unknowns stay zero.
    smooth_vector : array, shape (n,), optional
        Vector that is known to be nearly in the nullspace, for the first hierarchy; ones if None. It may contain
        zeros. For a normalised Laplacian it is the square root of the degrees.
    target_rate : float, optional
        Rate at or below which no further hierarchy is built; 0 builds all of them. If None, another hierarchy is built
        if it is estimated to pay within one solve to a relative accuracy of 1e-8
        (`ritz.solvers.multigrid.bootstrap.stopping_rule.rate_worth_another`).
    max_hierarchies : int
        Largest number of hierarchies.
    composition : {"symmetrised", "multiplicative", "additive"}
        Application of the hierarchies: from first to last and back, from first to last, or the mean of all.
    cycle : {"V", "W", "K"}
        Kind of cycle. ``"K"`` takes two steps of conjugate gradients on each coarse level and is not linear.
    smoother : {"gauss-seidel", "l1-jacobi", "chebyshev"}
        Gauss-Seidel sweeps forward before and backward after the coarse levels; the others use only products.
    aggregate_size : {2, 4, 8}
        Approximate number of unknowns per aggregate.
    prolongation : {"smoothed", "plain"}
        Whether the smooth vector on aggregates is smoothed by two Jacobi steps :cite:`VanekMandelBrezina1996`, or by
        one or none on levels where these would fill the coarse matrix. With smoothing, aggregates are matched along
        strong couplings only.
    trials : int
        Fewest iterations for estimating a rate. Further ones are made, up to 48 in all, until the estimate settles;
        none if the target rate is 1, which is always met.
    seed : int
        Seed of the random starts.

    Returns
    -------
    Bootstrap
        The approximate inverse, with ``hierarchies``, ``smooth_vectors`` (n, hierarchies + 1), ``rates`` and
        ``apply``. Symmetric positive definite unless the composition is multiplicative or the cycle is K; these need
        flexible methods.

    Raises
    ------
    UnknownName
        For an unknown choice of an option.
    InvalidProblem
        For other invalid options, an invalid smooth vector, or a matrix found not to be symmetric or positive
        semidefinite.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = ritz.problems.diffusion((40, 40), contrast=1e6).operator
    >>> inverse = bootstrap(A, target_rate=0.0, max_hierarchies=2)
    >>> inverse.smooth_vectors.shape, len(inverse.rates)
    ((1600, 3), 2)
    >>> inverse.apply(np.ones((1600, 4))).shape
    (1600, 4)
    """
    options = BootstrapOptions(
        *(smooth_vector, target_rate, max_hierarchies, composition, cycle, smoother, aggregate_size, prolongation),
        *(trials, seed),
    )
    return build_bootstrap(aslinearoperator(matrix), options)


def build_bootstrap(operator: Operator, options: BootstrapOptions) -> Bootstrap:
    """Return the approximate inverse of `operator`; see `bootstrap`."""
    require_symmetric(operator, "bootstrap-amg")
    matrix = sparse_entries(operator, "preconditioner 'bootstrap-amg'")
    epsilon = float(np.finfo(matrix.dtype).eps)
    matrix = matrix.astype(np.float64, copy=False)
    _check_diagonal(matrix)
    smooth = _first_vector(options.smooth_vector, matrix.shape[0])
    largest = float(matrix.diagonal().max(initial=0.0))
    scale = 1.0 if largest == 0.0 or ORDINARY[0] < largest < ORDINARY[1] else largest
    if scale != 1.0:
        matrix = matrix / scale
    with single_blas_thread():  # rounding must not depend on the number of threads
        found = _compose(matrix, np.float32, smooth, scale, operator.nullspace, epsilon, options)
        found = found or _compose(matrix, np.float64, smooth, scale, operator.nullspace, epsilon, options)
    assert found is not None
    return Bootstrap(operator, *found)


def _compose(
    matrix: Any,
    dtype: Any,
    smooth: np.ndarray,
    scale: float,
    nullspace: Nullspace | None,
    epsilon: float,
    options: BootstrapOptions,
) -> tuple[CompositeCorrection, list[np.ndarray], list[float]] | None:
    """Return hierarchies until the rate suffices, smooth vectors and rates; None if single precision is too coarse."""
    kept, single = in_precision(matrix, dtype), dtype == np.float32
    composite = CompositeCorrection(kept, options.composition, options.symmetric, scale)
    project = nullspace_projection(matrix, smooth, nullspace)
    # Every unknown contributes equally to the energy for any scaling of its equation.
    diagonal = matrix.diagonal()
    spread = np.divide(1.0, np.sqrt(diagonal), out=np.zeros_like(diagonal), where=diagonal > 0.0)
    generator = np.random.default_rng(options.seed)
    vectors, rates = [smooth], list[float]()
    while True:
        composite.hierarchies.append(build_hierarchy(matrix, kept, vectors[-1], options, epsilon))
        if single and not single_precision_suffices(composite.hierarchies[-1].smallest, smooth.size):
            return None
        start = spread * generator.standard_normal(spread.size)
        count = len(composite.hierarchies)
        last, target = count == options.max_hierarchies, options.target_rate
        if target is None:
            target = rate_worth_another(composite.cycles(count), composite.cycles(count + 1))
        most = options.trials if target >= 1.0 else max(options.trials, MOST)
        rate, slow = slow_error(matrix, composite, project, start, options.trials, most)
        if single and options.symmetric and rate > DIVERGING:
            return None
        rates.append(rate)
        vectors.append(slow)
        if last or rate <= target:
            return composite, vectors, rates


def _check_diagonal(matrix: Any) -> None:
    diagonal = matrix.diagonal()
    wrong = (diagonal < 0) | ((diagonal == 0) & (abs(matrix).sum(axis=1) > 0))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise NotPositiveDefinite(
            f"preconditioner 'bootstrap-amg' needs a positive diagonal, and entry {first} is {diagonal[first]:g}:"
            " the operator is not positive definite; use 'minres' or 'lu'"
        )


def _first_vector(given: Any, n: int) -> np.ndarray:
    if given is None:
        return np.ones(n)
    smooth = as_plain(to_numpy(given), "smooth_vector")
    if smooth.dtype.kind not in "fiu":
        raise InvalidProblem(f"smooth_vector has dtype {smooth.dtype}; it must hold real numbers")
    smooth = np.array(smooth, dtype=np.float64)
    if smooth.shape != (n,):
        raise InvalidProblem(f"smooth_vector has shape {smooth.shape}; it must be ({n},)")
    if not np.isfinite(smooth).all():
        raise InvalidProblem("smooth_vector has entries that are NaN or infinite")
    if not smooth.any():
        raise InvalidProblem("smooth_vector is zero; give a vector that the operator nearly maps to zero, or None")
    return smooth
