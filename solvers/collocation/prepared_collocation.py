"""A discretised PDE, ready for right-hand sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ritz.backend import Array
from ritz.problem_types.pde.discretisation import Discretisation, PDESolution
from ritz.solver import Prepared
from ritz.stopping import Callback

__all__ = ["PreparedPDE"]


@dataclass(frozen=True, eq=False)
class PreparedPDE:
    """A prepared solver of the linear system, whose answers become solutions of the PDE.

    Parameters
    ----------
    discretisation : Discretisation
    linear : Prepared
        Solves its system.
    name : str
        Registered name of the solver.
    seconds : float
        Spent on discretising and preparing.
    stats : mapping
        Added to the linear solver's own.
    """

    discretisation: Discretisation
    linear: Prepared
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> PDESolution:
        """Solve the discrete system for `rhs` (that of the PDE if None); see `ritz.solver.Prepared.solve`."""
        solution = self.linear.solve(
            rhs, x0=x0, rtol=rtol, atol=atol, maxiter=maxiter, callback=callback, progress=progress
        )
        x = solution.x
        if self.discretisation.singular:
            x = x - x.mean(axis=0)
        return PDESolution.of(
            solution,
            self.discretisation,
            x=x,
            solver=self.name,
            timings={**solution.timings, "prepare": self.seconds},
            stats={**solution.stats, **self.stats, "shape": self.discretisation.shape},
        )
