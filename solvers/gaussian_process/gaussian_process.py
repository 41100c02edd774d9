"""Gaussian processes as a solver of PDEs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Tag
from ritz.operators.stencils.boundary import AXES
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solver import check_pairing

from .joint_map import JointMap
from .prepared_gp import PreparedGP

__all__ = ["KroneckerGP"]

METHODS = ("features", "dense", "map")


@register("gp")
@dataclass(frozen=True)
class KroneckerGP:
    """Solve a PDE by a Gaussian process whose prior is a mixture of frequencies :cite:`FangEtAl2024`.

    The equation at nodes of a grid, and the conditions on its sides, are data that the process is conditioned on.
    The answer is a posterior: its mean is the solution, at any point and with all derivatives, its variance says how
    far the data determine it. The prior along each axis is a spectral mixture, and along several axes the product, so
    that all linear algebra is of one-dimensional size.

    Three methods share that model. ``"features"`` finds the frequencies in the source and the boundary values, and
    works in the functions that the mixture is made of, without ever forming a covariance matrix: the fastest and the
    most accurate one. ``"dense"`` conditions in closed form with the operator on both sides of the kernel, at points
    anywhere (thousands). ``"map"`` ascends the joint posterior density of values and hyperparameters, as published.

    Parameters
    ----------
    method : {"features", "dense", "map"} or JointMap
        `ritz.solvers.gaussian_process.joint_map.JointMap` sets the options of ``"map"``.
    shape : int or sequence of int, optional
        Nodes along each axis, evenly spaced, the ends among them. Left out, grids are refined until the equation
        holds between their nodes too, up to 2049 nodes in one dimension, 513 an axis in two, 65 in three.
    points : array or tuple of arrays, optional
        Nodes instead of `shape`: increasing coordinates, one array an axis; for ``"dense"`` also scattered points,
        shape (P, d).
    frequencies : "periodogram", "evidence" or sequence of arrays
        Angular frequencies of the mixture: found in the data; found there and improved by maximising the evidence
        (``"dense"`` alone); or given, one array an axis.
    max_components : int
        Most frequencies an axis.
    noise : float or "learn"
        Standard deviation of independent errors of the source; 0 says that the data are exact, and what the mean
        leaves of them is held against it.

    Notes
    -----
    ``"features"`` takes O(N m^2) time in one dimension, with N nodes and m functions, and O(N^d m + m^(d+1)) in d,
    with memory of the grid; ``"dense"`` O(P^3) time and O(P^2) memory for P points.

    `solve` takes measured values of the source as `rhs`. Where the source is a function, its values between the nodes
    are compared with the mean too: `Solution.residual` is the larger of both, relative to the largest term of the
    equation.

    Raises
    ------
    InvalidProblem
        Options out of range; initial values (time is an axis here, see ``"open"`` sides of `ritz.PDE`); nodes that do
        not increase; NaN in the source; boundary values that disagree in a corner.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> exact = lambda x: np.sin(500 * x) - 2 * (x - 0.5) ** 2
    >>> wave = ritz.PDE((0.0, 1.0), {2: 1.0}, lambda x: -250_000 * np.sin(500 * x) - 4, exact)
    >>> solution = ritz.solve(wave, "gp", shape=165)  # 2.07 nodes a wavelength
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
        """Check problem and options. What else there is to do depends on the data."""
        check_pairing(self, problem)
        if not isinstance(self.method, JointMap) and self.method not in METHODS:
            raise UnknownName("method", self.method, METHODS)
        if self.noise != "learn" and not (isinstance(self.noise, (int, float)) and 0.0 <= self.noise < np.inf):
            raise InvalidProblem(f"noise is {self.noise!r}; give a standard deviation, 0 or more, or 'learn'")
        check_integer("max_components", self.max_components)
        if self.shape is not None and self.points is not None:
            raise InvalidProblem("shape and points are both given: points stand in place of a uniform grid")
        return PreparedGP(self, problem, self._frequencies(problem))

    def _frequencies(self, problem: PDE) -> tuple[np.ndarray, ...] | None:
        """Return the frequencies given, one array an axis, or None where they are to be found."""
        if isinstance(self.frequencies, str):
            known = ("periodogram", "evidence") if self.method == "dense" else ("periodogram",)
            if self.frequencies not in known:
                raise InvalidProblem(
                    f"frequencies is {self.frequencies!r}; with method={self.method!r} give"
                    f" {' or '.join(map(repr, known))}, or one array an axis"
                )
            return None
        single = problem.dimension == 1 and np.ndim(np.asarray(self.frequencies, dtype=object)) == 1
        given = (self.frequencies,) if single and not np.iterable(self.frequencies[0]) else tuple(self.frequencies)
        if len(given) != problem.dimension:
            raise InvalidProblem(f"frequencies has {len(given)} arrays; give one for each of {problem.dimension} axes")
        arrays = tuple(np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in given)
        for axis, values in zip(AXES, arrays, strict=False):
            if values.ndim != 1 or not (np.isfinite(values).all() and (values >= 0.0).all()):
                raise InvalidProblem(f"frequencies along {axis} must be finite and not negative")
        return tuple(values[values > 0.0] for values in arrays)
