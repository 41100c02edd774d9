"""The `gp` solver: a PDE is solved by conditioning a Gaussian process on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice, check_integer
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solver import check_pairing

from .grid_data import uniform_shape
from .maximum_a_posteriori.joint_map import JointMap
from .options import check_frequencies, check_noise
from .prepared_gp import PreparedGP

__all__ = ["KroneckerGP"]

METHODS = ("features", "dense", "map")


@register("gp")
@dataclass(frozen=True)
class KroneckerGP:
    """Solve a PDE by a Gaussian process whose prior is a mixture of frequencies :cite:`FangEtAl2024`.

    The process is conditioned on the equation at the nodes of a grid and on the conditions on its sides. The answer
    is a posterior: its mean is the solution, available at any point with all derivatives, and its variance says how
    well the data determine the solution. The prior along each axis is a spectral mixture; in several dimensions it is
    the product of these, and all matrices are of one-dimensional size.

    Three methods share this model. ``"features"`` finds the frequencies in the source and the boundary values and
    works in the functions that the mixture is made of. It never forms a covariance matrix, and is the fastest and
    most accurate method. ``"dense"`` conditions in closed form, with the operator on both sides of the kernel, at
    up to a few thousand points placed anywhere. ``"map"`` maximises the joint posterior density of grid values and
    hyperparameters by gradient ascent, as published.

    Parameters
    ----------
    method : {"features", "dense", "map"} or JointMap
        `ritz.solvers.gaussian_process.maximum_a_posteriori.joint_map.JointMap` sets the options of ``"map"``.
    shape : int or sequence of int, optional
        Number of evenly spaced nodes along each axis, including both ends. By default, grids are refined until the
        equation also holds between their nodes, up to 2049 nodes in one dimension, 513 per axis in two, 65 in three.
    points : array or tuple of arrays, optional
        Nodes, instead of `shape`: increasing coordinates, one array per axis. ``"dense"`` also takes scattered points,
        shape (P, d).
    frequencies : "periodogram", "evidence" or sequence of arrays
        Angular frequencies of the mixture: found in the data; found in the data and refined by maximising the evidence
        (``"dense"`` only); or given, one array per axis.
    max_components : int
        Maximum number of frequencies per axis.
    noise : float or "learn"
        Standard deviation of independent errors in the source. With 0 the data are taken as exact, and any residual
        of the mean counts as an error.

    Notes
    -----
    ``"features"`` takes O(N m^2) time in one dimension, with N nodes and m functions, and O(N^d m + m^(d+1)) in d,
    and memory proportional to the grid; ``"dense"`` takes O(P^3) time and O(P^2) memory for P points.

    `solve` takes measured values of the source as `rhs`. If the source is a function, the equation is also checked
    between the nodes; `Solution.residual` is then the larger of the two residuals, relative to the largest term of
    the equation.

    Raises
    ------
    InvalidProblem
        For options out of range, initial values (time is an axis here, see ``"open"`` sides of `ritz.PDE`), nodes
        that do not increase, NaN in the source, and boundary values that disagree in a corner.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> exact = lambda x: np.sin(500 * x) - 2 * (x - 0.5) ** 2
    >>> wave = ritz.PDE((0.0, 1.0), {2: 1.0}, lambda x: -250_000 * np.sin(500 * x) - 4, exact)
    >>> solution = ritz.solve(wave, "gp", shape=165)  # 2.07 nodes per wavelength
    >>> solution.error(exact) < 1e-8, solution.frequencies[0].round(3).tolist()
    (True, [0.0, 500.0])
    """

    method: str | JointMap = "features"
    shape: int | Sequence[int] | None = None
    points: Any = None
    frequencies: Any = "periodogram"
    max_components: int = 15
    noise: float | str = 0.0
    solves: ClassVar[type] = PDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: PDE) -> PreparedGP:
        """Check the problem and the options; all other work depends on the data."""
        check_pairing(self, problem)
        if not isinstance(self.method, JointMap):
            check_choice("method", self.method, METHODS)
        check_noise(self.noise)
        check_integer("max_components", self.max_components)
        if self.shape is not None and self.points is not None:
            raise InvalidProblem("shape and points are both given: points stand in place of a uniform grid")
        if self.shape is not None:
            uniform_shape(problem, self.shape)
        return PreparedGP(self, problem, self._frequencies(problem))

    def _frequencies(self, problem: PDE) -> tuple[np.ndarray, ...] | None:
        """Return the given frequencies, one array per axis, or None if they are to be found in the data."""
        if isinstance(self.frequencies, str):
            known = ("periodogram", "evidence") if self.method == "dense" else ("periodogram",)
            if self.frequencies not in known:
                raise InvalidProblem(
                    f"frequencies is {self.frequencies!r}; with method={self.method!r} give"
                    f" {' or '.join(map(repr, known))}, or one array per axis"
                )
            return None
        return check_frequencies(self.frequencies, problem.dimension)
