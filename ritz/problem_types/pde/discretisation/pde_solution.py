"""Solutions of PDEs, with values at the unknowns and anywhere else in the box."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.pde.discretisation.discretisation import Discretisation
from ritz.problem_types.pde.fields import evaluate
from ritz.solution import Solution

__all__ = ["PDESolution"]


@dataclass(frozen=True, eq=False, repr=False)
class PDESolution(Solution):
    """A `Solution` with the discretisation it was computed by.

    The residual is that of the discrete system; the discretisation error is not part of it.

    Parameters
    ----------
    discretisation : Discretisation
        Grid, scheme and boundary data.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> solution = ritz.solve(bar, "chebyshev")
    >>> solution.interpolate([0.0, 0.5]).round(12).tolist()
    [0.0, 1.0]
    >>> solution.error(lambda x: np.sin(np.pi * x)) < 1e-12
    True
    """

    discretisation: Discretisation | None = None

    @classmethod
    def of(cls, solution: Solution, discretisation: Discretisation, **changed: Any) -> PDESolution:
        """Return the solution of a discrete system as the solution of its PDE, with some fields changed."""
        kept = {option.name: getattr(solution, option.name) for option in fields(Solution)}
        return cls(**{**kept, **changed}, discretisation=discretisation)

    def interpolate(self, points: Any) -> np.ndarray:
        """Return the values at points in the box, to the order of the scheme.

        Parameters
        ----------
        points : array, shape (P, d), or (P,) in one dimension

        Returns
        -------
        ndarray, shape (P,)

        Raises
        ------
        InvalidProblem
            For a wrong shape, points outside the box, or a solution with several columns.
        """
        assert self.discretisation is not None
        if self.x.ndim != 1:
            raise InvalidProblem(f"x has {self.x.shape[1]} columns; interpolate takes the solution of one source")
        return self.discretisation.interpolant(to_numpy(self.x))(points)

    def on_grid(self, *coordinates: np.ndarray) -> np.ndarray:
        """Return the values on the tensor grid of one array of coordinates per axis, shape ``(P1, P2, ...)``."""
        assert self.discretisation is not None
        return self.discretisation.interpolant(to_numpy(self.x)).on_grid(*coordinates)

    def error(self, exact: Any) -> float:
        """Return ``||x - exact|| / ||exact||`` over the unknowns (absolute if `exact` is zero).

        Parameters
        ----------
        exact : array or function
            Values at the unknowns, or a function of the coordinates. The mean of a function is subtracted if u is
            determined only up to a constant.
        """
        if callable(exact) and self.discretisation is not None:
            exact = evaluate("exact", exact, self.discretisation.grid.coordinates())
            if self.discretisation.singular:
                exact = exact - exact.mean()
        return super().error(exact)
