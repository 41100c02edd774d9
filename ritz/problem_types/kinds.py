"""Detection of problem objects."""

from __future__ import annotations

import sys
from typing import Any

from ritz.registry import solvers

__all__ = ["KINDS", "is_problem"]

KINDS = {
    "AttributedGraph": "attributed_graph",
    "Evolution": "evolution.evolution",
    "LeastSquares": "least_squares",
    "LinearSystem": "linear_system",
    "LpRegression": "lp_regression",
    "PDE": "pde.pde",
    "PDESystem": "evolution.pde_system",
    "ParametricPDE": "parametric.parametric_pde",
    "SystemSequence": "linear_system",
}
"""Module of each kind of problem in Ritz. Solvers of third parties may add other kinds."""


def is_problem(value: Any) -> bool:
    """Return whether `value` is a problem rather than, for example, a matrix or an operator.

    Nothing is imported for it: if `value` is an instance of a class, the module of that class is imported already.
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
