"""Gaussian processes with the common covariances, as baselines: squared exponential and Matern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ritz.operators import Tag
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from .covariances.covariance import SpectralMixture
from .covariances.dense_method import condition_by_covariances
from .covariances.dense_posterior import condition_on
from .covariances.observations import Observations
from .grid_data import uniform_shape
from .method_result import MethodResult, SolveRequest
from .options import check_noise
from .prepared_gp import PreparedGP

__all__ = ["MaternGP", "SquaredExponentialGP"]

SHARES = 0.25 ** np.arange(5.0)  # initial lengthscales tried, relative to the length of the axis
ITERATIONS = 6  # L-BFGS iterations from the best of them


@register("gp-se")
@dataclass(frozen=True)
class SquaredExponentialGP:
    """Gaussian process with a squared-exponential covariance, whose lengthscale per axis maximises the evidence.

    Conditions in closed form like ``gp`` with ``method="dense"``, on at most 4000 nodes and boundary nodes together.
    The covariance has no frequencies, so oscillating solutions take several nodes per wavelength.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Nodes along each axis; 200, 24 or 9 by dimension.
    points : array or tuple of arrays, optional
        Nodes instead of `shape`; see `KroneckerGP`.
    noise : float or "learn"
        Standard deviation of independent errors of the source.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> ritz.solve(bar, "gp-se", shape=30, rtol=1e-5).error(lambda x: np.sin(np.pi * x)) < 1e-7
    True
    """

    shape: int | Sequence[int] | None = None
    points: Any = None
    noise: Any = 0.0
    envelope: ClassVar[str] = "squared-exponential"
    method: ClassVar[str] = "dense"
    solves: ClassVar[type] = PDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: PDE) -> PreparedPlainGP:
        """Check the problem and the options. What else there is to do depends on the data."""
        return _prepared(self, problem)


@register("gp-matern")
@dataclass(frozen=True)
class MaternGP:
    """Gaussian process with a Matern covariance of smoothness 5/2, whose lengthscale per axis maximises the evidence.

    Conditions like ``gp-se``. The equation may have derivatives up to order 2; those of the process are rough, and the
    error falls only with the square of the spacing.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Nodes along each axis; 200, 24 or 9 by dimension.
    points : array or tuple of arrays, optional
        Nodes instead of `shape`; see `KroneckerGP`.
    noise : float or "learn"
        Standard deviation of independent errors of the source.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> ritz.solve(bar, "gp-matern", shape=30, rtol=1e-2).error(lambda x: np.sin(np.pi * x)) < 0.01
    True
    """

    shape: int | Sequence[int] | None = None
    points: Any = None
    noise: Any = 0.0
    envelope: ClassVar[str] = "matern52"
    method: ClassVar[str] = "dense"
    solves: ClassVar[type] = PDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: PDE) -> PreparedPlainGP:
        """Check the problem and the options. What else there is to do depends on the data."""
        return _prepared(self, problem)


def _prepared(solver: SquaredExponentialGP | MaternGP, problem: PDE) -> PreparedPlainGP:
    check_pairing(solver, problem)
    check_noise(solver.noise)
    if solver.shape is not None:
        uniform_shape(problem, solver.shape)
    return PreparedPlainGP(solver, problem, None, registered_name(solver))


@dataclass(frozen=True, eq=False)
class PreparedPlainGP(PreparedGP):
    """A process with a common covariance and a PDE, ready to be conditioned."""

    solver: Any

    def _condition(self, request: SolveRequest) -> MethodResult:
        return condition_by_covariances(
            self.pde,
            self.solver.shape,
            self.solver.points,
            frequencies=None,
            max_components=0,
            noise=check_noise(self.solver.noise),
            evidence=True,
            request=replace(request, maxiter=ITERATIONS if request.maxiter is None else request.maxiter),
            start=self._start,
        )

    def _start(self, observations: Observations) -> list[SpectralMixture]:
        """Return the covariance of largest evidence among `SHARES`, each one fraction of the length of every axis."""

        def covariances(share: float) -> list[SpectralMixture]:
            lengths = [share * (upper - lower) for lower, upper in self.pde.domain]
            return [SpectralMixture([1.0], [0.0], [length], self.solver.envelope) for length in lengths]

        return max(
            map(covariances, SHARES), key=lambda tried: condition_on(observations, tried, maxiter=1).log_evidence
        )
