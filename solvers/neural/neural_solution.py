"""Solutions of PDEs by neural networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Solution

__all__ = ["NeuralSolution"]


@dataclass(frozen=True, eq=False, repr=False)
class NeuralSolution(Solution):
    """A `Solution` given by a network, which can be evaluated anywhere in the box; `x` holds values on a uniform grid.

    The residual is that of the equation and its boundary conditions at points not used in training.

    Parameters
    ----------
    pde : PDE
    network : callable
        ``network(points)`` returns u, shape (P,), at points of shape (P, d), as NumPy arrays.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> solution = ritz.solve(bar, "pinn", width=20, depth=2, points=100, learning_rate=0.01, rtol=0.1)
    >>> solution.interpolate([0.5]).round(1).tolist()
    [1.0]
    """

    pde: PDE | None = None
    network: Any = None

    def interpolate(self, points: Any) -> np.ndarray:
        """Return u at points of the box, of shape (P, d), or (P,) in one dimension.

        Raises
        ------
        InvalidProblem
            If the points have a wrong shape or lie outside the box.
        """
        assert self.pde is not None
        points = np.asarray(points, dtype=np.float64)
        if points.ndim == 1 and self.pde.dimension == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != self.pde.dimension:
            raise InvalidProblem(f"points have shape {points.shape}; they must be (P, {self.pde.dimension})")
        for axis, (lower, upper) in enumerate(self.pde.domain):
            outside = np.abs(points[:, axis] - 0.5 * (lower + upper)) > 0.5 * (upper - lower) * (1 + 1e-12)
            if outside.any():
                raise InvalidProblem(f"{int(outside.sum())} points lie outside {AXES[axis]} = [{lower:g}, {upper:g}]")
        return self.network(points)

    def error(self, exact: Any) -> float:
        """Return ``||x - exact|| / ||exact||`` on the grid (absolute if `exact` is zero); `exact` may be a function."""
        x: Any = None
        if callable(exact):
            assert self.grid is not None
            exact = evaluate("exact", exact, self.grid.coordinates())
            if self.stats.get("up to a constant"):
                exact = exact - exact.mean()
                x = self.x - self.x.mean()
        if x is None:
            return super().error(exact)
        return float(np.linalg.norm(x - exact) / (np.linalg.norm(exact) or 1.0))
