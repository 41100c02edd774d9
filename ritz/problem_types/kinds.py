"""Which objects are problems."""

from __future__ import annotations

import sys
from typing import Any

from ritz.registry import solvers

__all__ = ["KINDS", "is_problem"]

KINDS = {
    "AttributedGraph": "attributed_graph",
    "LeastSquares": "least_squares",
    "LinearSystem": "linear_system",
    "LpRegression": "lp_regression",
    "PDE": "pde.pde",
    "ParametricPDE": "parametric.parametric_pde",
    "SystemSequence": "linear_system",
}
"""The module of each of Ritz's own kinds of problems. Other kinds are those that third parties' solvers solve."""


def is_problem(value: Any) -> bool:
    """Return whether `value` is a problem, rather than a matrix, an operator or something else.

    Only modules that are imported already are asked, as an instance of a class means that its module is among them.
    """
    for name, module in KINDS.items():
        home = sys.modules.get(f"ritz.problem_types.{module}")
        if home is not None and isinstance(value, getattr(home, name)):
            return True
    if _solved(value):
        return True
    if hasattr(value, "shape") or isinstance(value, (list, tuple)):
        return False
    solvers.load_plugins()
    return _solved(value)


def _solved(value: Any) -> bool:
    return any(isinstance(value, entry.solves) for entry in solvers.loaded().values() if entry.solves is not object)
