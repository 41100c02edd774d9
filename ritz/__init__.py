"""Ritz: solvers for PDEs and linear systems behind one small interface.

Names are imported when they are first used, so that ``import ritz`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ritz import operators, problems, solvers
    from ritz.affine_form import AffineForm
    from ritz.attributed_graph import AttributedGraph
    from ritz.comparison import Comparison, compare
    from ritz.errors import (
        ConvergenceError,
        InvalidProblem,
        MissingExtra,
        RitzError,
        TrainingError,
        UnknownName,
        UnknownOption,
    )
    from ritz.grid import Grid
    from ritz.least_squares import LeastSquares
    from ritz.lp_regression import LpRegression
    from ritz.parametric import ParametricPDE
    from ritz.pde import PDE
    from ritz.pointwise_term import PointwiseTerm
    from ritz.problem import LinearSystem, SystemSequence
    from ritz.registry import register
    from ritz.snapshots import Snapshots
    from ritz.solution import Solution, Status
    from ritz.solving import Trajectory, solve

__version__ = "0.1.0"

_HOME = {
    "AffineForm": "ritz.affine_form",
    "AttributedGraph": "ritz.attributed_graph",
    "Comparison": "ritz.comparison",
    "ConvergenceError": "ritz.errors",
    "Grid": "ritz.grid",
    "InvalidProblem": "ritz.errors",
    "LeastSquares": "ritz.least_squares",
    "LinearSystem": "ritz.problem",
    "LpRegression": "ritz.lp_regression",
    "MissingExtra": "ritz.errors",
    "PDE": "ritz.pde",
    "ParametricPDE": "ritz.parametric",
    "PointwiseTerm": "ritz.pointwise_term",
    "RitzError": "ritz.errors",
    "Snapshots": "ritz.snapshots",
    "Solution": "ritz.solution",
    "Status": "ritz.solution",
    "SystemSequence": "ritz.problem",
    "TrainingError": "ritz.errors",
    "Trajectory": "ritz.solving",
    "UnknownName": "ritz.errors",
    "UnknownOption": "ritz.errors",
    "compare": "ritz.comparison",
    "register": "ritz.registry",
    "solve": "ritz.solving",
}
_PACKAGES = ("figures", "operators", "problems", "solvers")

__all__ = [
    "PDE",
    "AffineForm",
    "AttributedGraph",
    "Comparison",
    "ConvergenceError",
    "Grid",
    "InvalidProblem",
    "LeastSquares",
    "LinearSystem",
    "LpRegression",
    "MissingExtra",
    "ParametricPDE",
    "PointwiseTerm",
    "RitzError",
    "Snapshots",
    "Solution",
    "Status",
    "SystemSequence",
    "TrainingError",
    "Trajectory",
    "UnknownName",
    "UnknownOption",
    "compare",
    "operators",
    "problems",
    "register",
    "solve",
    "solvers",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"ritz.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ritz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PACKAGES})
