"""Results of solvers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.errors import ConvergenceError
from ritz.grid import Grid
from ritz.pickling import Picklable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Solution", "Status"]


class Status(Enum):
    """How a solve ended; the value is a sentence that explains it."""

    CONVERGED = "The true residual, or the error estimated from it, meets the tolerance."
    ACCEPTED = (
        "Accepted without a residual, which a function alone does not have: its own answer, or a prediction whose"
        " estimated error meets the tolerance."
    )
    MAX_ITERATIONS = (
        "The iteration limit was reached before the tolerance: raise maxiter, or use a better preconditioner."
    )
    STAGNATED = (
        "The residual stopped falling above the tolerance: rounding in this dtype, or the method, allows no more."
    )
    BREAKDOWN = "The recurrence broke down (division by zero): try another method or starting vector."
    INDEFINITE = (
        "A direction of non-positive curvature was met, so the operator or the preconditioner is not positive"
        " definite: use 'minres' for symmetric indefinite systems, or 'lu'."
    )
    SINGULAR = "The operator is singular to working precision."
    LEAST_SQUARES = (
        "The operator is singular and the system has no solution: x has the least residual and, among those, the least"
        " norm."
    )
    NON_FINITE = "A NaN or infinity appeared during the solve."
    STEP_TOO_SMALL = (
        "The time step fell to the rounding of time: the solution, or a function of the problem, seems to become"
        " infinite there. The last good state is kept."
    )
    INTERRUPTED = "Stopped on request (Ctrl-C or callback)."


@dataclass(frozen=True, eq=False)
class Solution(Picklable):
    """The solution of a problem, and how it was found.

    Parameters
    ----------
    x : array, shape (n,) or (n, k)
        The solution, of the same kind (NumPy or torch), dtype and device as the right-hand side.
    status : Status
        How the solve ended.
    iterations : int
        Number of iterations. For direct methods, the number of solves: the first and each refinement.
    residual : float
        ``||b - A x|| / ||b||`` in the Euclidean norm, recomputed from `x` at the end (``||A x||`` if b = 0). For a
        block, the largest over the columns.
    history : ndarray, shape (iterations + 1,)
        Relative residual as the method knew it, of the starting vector and after each iteration. For a block, the
        largest over the columns.
    timings : mapping
        Wall-clock seconds spent in ``"prepare"`` and ``"solve"``.
    stats : mapping
        Further details that the solver reports: ``"chosen"`` (by ``auto``), ``"preconditioner"``, fill-in, levels, ...
    solver : str
        Registered name of the solver.
    grid : Grid, optional
        Grid of the unknowns, for plotting.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> solution = ritz.solve(np.diag([1.0, 2.0]), np.array([1.0, 1.0]))
    >>> solution.converged, solution.x.round(12).tolist()
    (True, [1.0, 0.5])
    """

    x: Array
    status: Status
    iterations: int
    residual: float
    history: np.ndarray
    timings: Mapping[str, float]
    stats: Mapping[str, Any] = field(default_factory=dict)
    solver: str = ""
    grid: Grid | None = None

    @property
    def converged(self) -> bool:
        """Whether the tolerance is met, as the statuses CONVERGED and ACCEPTED say."""
        return self.status in (Status.CONVERGED, Status.ACCEPTED)

    def raise_for_status(self) -> Solution:
        """Return the solution itself if it has converged; otherwise raise `ConvergenceError`, which carries it."""
        if not self.converged:
            raise ConvergenceError(
                f"{self.solver or 'solver'} ended {self.status.name} after {self.iterations} iterations at relative"
                f" residual {self.residual:.2e}. {self.status.value}",
                self,
            )
        return self

    def uninterrupted(self) -> Solution:
        """Return the solution itself; raise KeyboardInterrupt if it was stopped, so that an outer method stops too."""
        if self.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        return self

    def error(self, exact: Array) -> float:
        """Return ``||x - exact|| / ||exact||`` in the Euclidean norm (absolute if `exact` is zero)."""
        reference = to_numpy(exact).astype(float)
        difference = float(np.linalg.norm(to_numpy(self.x) - reference))
        return difference / (float(np.linalg.norm(reference)) or 1.0)

    def plot(self) -> Figure:
        """Return a matplotlib figure of the solution, on its grid if it has one, and of the residual history."""
        from ritz.plotting.solution_plot import plot_solution

        return plot_solution(self)

    def plot_isosurfaces(self, levels: int | Sequence[float] = 3) -> Figure:
        """Return a matplotlib figure of surfaces of equal values, of a solution on a grid of three dimensions.

        Parameters
        ----------
        levels : int or sequence of float
            Values, or how many values between the least and the largest.

        Raises
        ------
        InvalidProblem
            Without such a grid, or for a level that the solution does not take.
        MissingExtra
            Without scikit-image: ``pip install 'ritz[files]'``.
        """
        from ritz.plotting.isosurface_plot import plot_isosurfaces

        return plot_isosurfaces(self, levels)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the solution to a file, whole or not at all; the suffix says how.

        Parameters
        ----------
        path : path
            ``.npz``, ``.h5`` and ``.nc`` hold everything that `ritz.load` reads back. ``.vtu``, ``.xdmf`` and
            ``.vti`` (uniform grids) hold the fields on their grid or mesh, for ParaView and other viewers.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        InvalidProblem
            For another suffix, or a solution that the format cannot hold.
        MissingExtra
            Without meshio, h5py or xarray: ``pip install 'ritz[files]'``.
        OSError
            If the file cannot be written.
        """
        from ritz.saving.formats import save_solution

        return save_solution(self, path)

    def to_xarray(self) -> Any:
        """Return an ``xarray.Dataset`` of the fields, with the coordinates of the grid, or of the nodes of the mesh."""
        from ritz.saving.labelled import to_xarray

        return to_xarray(self)

    def __repr__(self) -> str:
        seconds = self.timings.get("prepare", 0.0) + self.timings.get("solve", 0.0)
        return (
            f"Solution({self.solver}: {self.status.name}, {self.iterations} iterations,"
            f" residual {self.residual:.1e}, {seconds:.3g} s)"
        )
