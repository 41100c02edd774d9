"""A discretised linear PDE, ready to be solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ritz.problem_types.pde.discretisation import Discretisation, PDESolution
from ritz.solver import Controls, Prepared, PreparedSolver

__all__ = ["PreparedPDE"]


@dataclass(frozen=True, eq=False)
class PreparedPDE(PreparedSolver[PDESolution]):
    """A prepared solver for the discrete system, whose solutions it turns into solutions of the PDE.

    Parameters
    ----------
    discretisation : Discretisation
    linear : Prepared
        Prepared solver for the discrete system.
    name : str
        Registered name of the solver.
    seconds : float
        Time spent on discretising and preparing.
    stats : mapping
        Statistics to add to those of the linear solver.
    """

    discretisation: Discretisation
    linear: Prepared
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> PDESolution:
        solution = self.linear.solve(
            rhs,
            x0=x0,
            rtol=controls.rtol,
            atol=controls.atol,
            maxiter=controls.maxiter,
            callback=controls.callback,
            progress=controls.progress.enabled,
        )
        x = solution.x
        if self.discretisation.singular:
            x = x - x.mean(axis=0)
        return PDESolution.of(
            solution,
            self.discretisation,
            x=x,
            timings={name: seconds for name, seconds in solution.timings.items() if name not in ("prepare", "solve")},
            stats={**solution.stats, **self.stats, "shape": self.discretisation.shape},
        )
