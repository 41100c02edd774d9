"""A discretised linear PDE, ready to be solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.problem_types.pde.discretisation import PDESolution
from ritz.solver import Controls, Prepared

from .prepared_discretisation import LOOSE, PreparedDiscretisation

__all__ = ["PreparedPDE"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedPDE(PreparedDiscretisation):
    """A prepared solver for the discrete system, whose solutions it turns into solutions of the PDE.

    Parameters
    ----------
    linear : Prepared
        Prepared solver for the discrete system.
    solver, discretisation, name, seconds, stats, warns
        See `PreparedDiscretisation`.
    """

    linear: Prepared

    def discrete_solution(self, rhs: Any, x0: Any, controls: Controls) -> PDESolution:
        """Return the solution of the discrete system."""
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

    def correction(self, u: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Return the solution for a weighted source, roughly; shape (n,)."""
        return to_numpy(self.linear.solve(rest, rtol=LOOSE).uninterrupted().x)
