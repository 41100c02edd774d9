"""The default solver for each kind of problem that is not a linear system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ritz.errors import InvalidProblem
from ritz.registry import solvers

if TYPE_CHECKING:
    from ritz.problem_types.pde.pde import PDE

__all__ = ["DEFAULTS", "defaults"]

DEFAULTS = {
    "AttributedGraph": "spectral-clustering",
    "Evolution": "time-stepping",
    "LeastSquares": "lstsq",
    "LpRegression": "lp",
    "ParametricPDE": "full-order",
}
"""Default solver for each kind of problem. A PDE's depends on its equation, a linear system's on a table of costs."""


def defaults(problem: Any) -> list[tuple[str, str]]:
    """Return names of solvers to try on a problem, with reasons, in order of preference.

    A kind of problem defined by a third party is given to the first solver registered for it.

    Raises
    ------
    InvalidProblem
        If no registered solver takes problems of this kind.
    """
    kinds = [kind.__name__ for kind in type(problem).__mro__ if kind.__module__.startswith("ritz.problem_types.")]
    for kind in kinds:
        if kind == "PDE":
            return _for_pde(problem)
        if kind in DEFAULTS:
            return [(DEFAULTS[kind], f"takes a {kind}")]
    kind = type(problem).__name__
    solvers.load_plugins()
    for name, entry in solvers.loaded().items():
        if entry.solves is not object and isinstance(problem, entry.solves):
            return [(name, f"takes a {kind}")]
    raise InvalidProblem(f"no registered solver takes a {kind}; give a LinearSystem, a PDE or a matrix and a vector")


def _for_pde(pde: PDE) -> list[tuple[str, str]]:
    """Prefer polynomials if fewer unknowns or one-sided formulas matter most."""
    if pde.reaction is not None:
        return [("chebyshev", "nonlinear"), ("finite-difference", "nonlinear")]
    if any("open" in pair for pair in pde.sides):
        return [("chebyshev", "has open sides"), ("finite-difference", "has open sides")]
    return [("finite-difference", "takes a PDE")]
