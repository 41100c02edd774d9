"""Multigrid with learned smoothers, interpolation and coarse operators."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.iteration import PreparedIteration, balanced
from ritz.operators import Operator, Stencil, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import preconditioners, register
from ritz.solution import Solution, Status
from ritz.solver import Controls, check_pairing, registered_name
from ritz.solvers.krylov.conjugate_gradients import conjugate_gradients
from ritz.solvers.training.weights import Weights, load_weights

from ..grid.mixed_precision import mixed_conjugate_gradients
from ..grid.precision import single_precision_suffices
from ..grid.preconditioner import WIDE_SPREAD, GridMultigrid, MultigridInverse, diagonal_spread
from .face_grid import face_grid
from .face_hierarchy import FaceHierarchy
from .learned_parameters import LearnedParameters

__all__ = ["LearnedGridMultigrid", "LearnedMultigrid"]

FOLDER = Path(__file__).with_name("weights")
SLOW = 0.45  # reduction of the residual per iteration above which the cycle does not fit the problem
ANISOTROPIC = 4.5  # ratio of the couplings along two axes above which the weak one should not be coarsened


@preconditioners.register("learned-multigrid")
@dataclass(frozen=True)
class LearnedGridMultigrid:
    """One multigrid cycle on a grid, with learned parameters.

    Coarse cells are unions of fine cells and are coupled across faces only, as fine cells are. Setup and cycles are
    therefore cheaper than with the Galerkin products of `ritz.solvers.multigrid.GridMultigrid`; the learned parameters
    make up for the iterations that this would cost. For unit coefficients with obstacles, these are smoothing rates
    and factors of interpolation and coarse operators, for three groups of levels. For other coefficients, a network of
    two thousand numbers reads the couplings of each level once, and sets the damping and the smoothness of
    interpolation of each cell and the couplings of coarse cells. The cycle is linear, symmetric and positive definite
    by construction: see `ritz.solvers.multigrid.learned.face_hierarchy.FaceHierarchy`.

    For `ritz.operators.Stencil` in two and three dimensions with diagonally dominant rows and any number of cells. The
    untrained `GridMultigrid` is used instead for other operators, for strongly anisotropic ones, and if a few
    iterations on the coarser grids show that the cycle does not fit; `stats` gives the reason. O(n).

    Parameters
    ----------
    weights : path or Weights, optional
        Weights of the family ``"multigrid-masks"`` or ``"multigrid-jumps"``; by default those that come with Ritz.
    shape : tuple of int, optional
        Cells of the grid along each axis, for operators that are not a `ritz.operators.Stencil`.

    Raises
    ------
    InvalidProblem
        From `build`, for operators that `GridMultigrid` refuses too, and for weights that are out of range.
    InvalidWeights
        From `build`, if the file is missing, damaged or for another dimension.

    Examples
    --------
    >>> import ritz
    >>> system = ritz.problems.poisson((64, 64), obstacles=6, seed=7)
    >>> ritz.solve(system, "cg", preconditioner="learned-multigrid").iterations < 15
    True
    """

    weights: str | os.PathLike[str] | Weights | None = None
    shape: tuple[int, ...] | None = None

    def build(self, operator: Operator) -> MultigridInverse:
        """Return the approximate inverse of `operator`."""
        hierarchy = self._hierarchy(operator)
        if isinstance(hierarchy, str):
            inverse = self.untrained(operator)
            return MultigridInverse(operator, inverse.hierarchy, {"weights": None, "fallback": hierarchy})
        return MultigridInverse(operator, hierarchy)

    def untrained(self, operator: Operator) -> MultigridInverse:
        """Return the approximate inverse of `operator` without learned parameters."""
        return GridMultigrid(self.shape).build(operator)

    def _hierarchy(self, operator: Operator) -> FaceHierarchy | str:
        """Return the hierarchy, or the reason why the learned cycle is not used."""
        if not isinstance(operator, Stencil):
            return f"a {type(operator).__name__} is not a stencil that couples cells across faces"
        dimension = sum(cells > 1 for cells in operator.grid_shape)
        if dimension not in (2, 3):
            return f"there are no weights for {dimension} axes of more than one cell"
        if diagonal_spread(operator.diagonal()) > WIDE_SPREAD:
            return f"diagonal entries differ by more than {WIDE_SPREAD:g}"
        parameters = LearnedParameters(self._weights(dimension, operator.uniform))
        grid = face_grid(operator, np.float32)
        if grid is None:
            return "the operator is periodic, or not diagonally dominant"
        if grid.anisotropy > ANISOTROPIC:
            return f"couplings differ by a factor of {grid.anisotropy:.2g} between axes"
        hierarchy = FaceHierarchy(grid, parameters, singular=operator.nullspace is not None)
        if not single_precision_suffices(hierarchy.smallest_eigenvalue(), operator.shape[0]):
            return "the operator is nearly singular, and single precision is too coarse for it"
        factor = hierarchy.calibrate()
        return hierarchy if factor <= SLOW else f"trial iterations reduced a residual by a factor of {factor:.2f} each"

    def _weights(self, dimension: int, uniform: bool) -> Weights:
        if isinstance(self.weights, Weights):
            if self.weights.dimension != dimension:
                raise InvalidProblem(
                    f"weights are for {self.weights.dimension} dimensions, and the operator has {dimension}"
                )
            return self.weights
        if self.weights is not None:
            return load_weights(self.weights, dimension=dimension)
        return _shipped("multigrid-masks" if uniform else "multigrid-jumps", dimension)


@register("learned-multigrid")
@dataclass(frozen=True)
class LearnedMultigrid:
    """Conjugate gradients preconditioned by a learned multigrid cycle, for diffusion on grids.

    The cycle is that of `LearnedGridMultigrid`, in single precision; the iteration is in the precision of the system.
    If the cycle turns out not to be positive definite during the iteration, the untrained one takes over, as
    ``fallback`` in the `stats` of the solution records.

    Parameters
    ----------
    weights
        See `LearnedGridMultigrid`. ``ritz train multigrid-jumps-2d`` trains such weights.

    Examples
    --------
    >>> import ritz
    >>> system = ritz.problems.diffusion((96, 80), contrast=1e5, seed=4)
    >>> ritz.solve(system, "learned-multigrid", rtol=1e-6).iterations < 25
    True
    """

    weights: str | os.PathLike[str] | Weights | None = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedLearnedMultigrid:
        """Check that the solver suits the problem, and set up the grids."""
        start = time.perf_counter()
        check_pairing(self, problem)
        problem = balanced(problem)
        preconditioner = LearnedGridMultigrid(self.weights, problem.grid.shape if problem.grid else None)
        inverse = preconditioner.build(problem.operator)
        method = partial(_accelerated, preconditioner, inverse)
        seconds = time.perf_counter() - start
        return PreparedLearnedMultigrid(problem, method, registered_name(self), inverse, seconds, inverse.stats)


@dataclass(frozen=True, eq=False)
class PreparedLearnedMultigrid(PreparedIteration):
    """Learned multigrid for one operator, which remarks in each solve whether the untrained cycle took over."""

    def _solve(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        remarks = dict[str, Any]()
        method: Any = self.method
        remarking = PreparedIteration(self.system, partial(method, remarks=remarks), self.name, self.preconditioner)
        return replace(remarking._solve(rhs, x0, controls), stats=remarks)


def _accelerated(
    preconditioner: LearnedGridMultigrid,
    inverse: MultigridInverse,
    A: Operator,
    b: Array,
    x: Array,
    M: Operator | None = None,
    *,
    remarks: dict[str, Any] | None = None,
) -> Generator[Any, Any, Any]:
    if not (isinstance(b, np.ndarray) and b.ndim == 1 and inverse.hierarchy.levels):
        return (yield from conjugate_gradients(A, b, x, M))
    untrained = not isinstance(inverse.hierarchy, FaceHierarchy)
    status = yield from mixed_conjugate_gradients(inverse, untrained, A, b, x)
    if not untrained and status in (Status.INDEFINITE, Status.NON_FINITE) and np.isfinite(x).all():
        if remarks is not None:
            remarks["fallback"] = "the learned cycle met a residual for which it is not positive"
        status = yield from mixed_conjugate_gradients(preconditioner.untrained(A), False, A, b, x)
    return status


_loaded: dict[tuple[str, int], Weights] = {}


def _shipped(family: str, dimension: int) -> Weights:
    """Return weights that come with Ritz; each file is read once."""
    if (family, dimension) not in _loaded:
        path = FOLDER / f"{family}-{dimension}d.safetensors"
        _loaded[family, dimension] = load_weights(path, family=family, dimension=dimension)
    return _loaded[family, dimension]
