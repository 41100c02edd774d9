"""Gaussian processes with the covariances that everybody uses, to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ritz.operators import Tag
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from .covariance import SpectralMixture
from .dense import condition_on
from .dense_method import condition_by_covariances
from .observations import Observations
from .outcome import Outcome, Request
from .prepared_gp import PreparedGP

__all__ = ["MaternGP", "SquaredExponentialGP"]

SHARES = 0.25 ** np.arange(5.0)  # lengthscales to start from, by the length of the axis
ITERATIONS = 6  # of L-BFGS from the best of them


@register("gp-se")
@dataclass(frozen=True)
class SquaredExponentialGP:
    """Gaussian process with a squared-exponential covariance, its lengthscale an axis by the evidence.

    Conditioned in closed form as ``gp`` with ``method="dense"``; at most 4000 data, nodes and boundary nodes together.
    Knows no frequency, so solutions that oscillate take several nodes a wavelength.

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
        """Check that the problem is a PDE. What else there is to do depends on the data."""
        check_pairing(self, problem)
        return PreparedPlainGP(self, problem, None, registered_name(self))


@register("gp-matern")
@dataclass(frozen=True)
class MaternGP:
    """Gaussian process with a Matern covariance of smoothness 5/2, its lengthscale an axis by the evidence.

    As ``gp-se``. The equation may have derivatives up to order 2; those of the process are rough, so that the error
    falls with the square of the spacing only.

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
        """Check that the problem is a PDE. What else there is to do depends on the data."""
        check_pairing(self, problem)
        return PreparedPlainGP(self, problem, None, registered_name(self))


@dataclass(frozen=True, eq=False)
class PreparedPlainGP(PreparedGP):
    """A plain covariance, ready for the data of a PDE."""

    solver: Any

    def _condition(self, controls: Request) -> Outcome:
        return condition_by_covariances(
            self.pde,
            self.solver.shape,
            self.solver.points,
            frequencies=None,
            max_components=0,
            noise=self.solver.noise,
            evidence=True,
            controls=replace(controls, maxiter=ITERATIONS if controls.maxiter is None else controls.maxiter),
            start=self._start,
        )

    def _start(self, observations: Observations) -> list[SpectralMixture]:
        """Return the covariance of largest evidence among some whose lengthscales are the same share of each axis."""

        def covariances(share: float) -> list[SpectralMixture]:
            lengths = [share * (upper - lower) for lower, upper in self.pde.domain]
            return [SpectralMixture([1.0], [0.0], [length], self.solver.envelope) for length in lengths]

        return max(
            map(covariances, SHARES), key=lambda tried: condition_on(observations, tried, maxiter=1).log_evidence
        )
