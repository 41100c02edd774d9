"""A PDE of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ritz.errors import UnknownName
from ritz.operators.stencils.boundary import BoundaryLike
from ritz.problem_types.pde.fields import Field
from ritz.problem_types.pde.pde import PDE

__all__ = ["pde"]

EQUATIONS = ("poisson",)


def pde(
    domain: Sequence[Any],
    equation: str | Mapping[Any, Field],
    source: Field,
    boundary: Field = 0.0,
    exact: Callable[..., Any] | None = None,
    *,
    conditions: BoundaryLike = "dirichlet",
    normal_derivative: Field | Mapping[str, Field] = 0.0,
    name: str = "",
) -> PDE:
    """Return a linear PDE on a box: ``sum_a c_a(x) d^a u(x) = f(x)``, for the solvers that take one.

    Parameters
    ----------
    domain : sequence of (float, float)
        Lower and upper end of each of one to three axes; one pair will do in one dimension.
    equation : mapping or "poisson"
        Coefficients by multi-index, ``{(2, 0): -1.0, (0, 2): -1.0, (1, 0): 5.0}`` for ``-u_xx - u_yy + 5 u_x``;
        ``"poisson"`` is minus the Laplacian.
    source : number or function
        The right side f; functions take one NumPy array an axis.
    boundary : number or function
        Value of u on the Dirichlet sides.
    exact : function, optional
        The solution, where it is known.
    conditions : str or mapping
        Condition of each side, see `ritz.operators.stencils.boundary.parse_boundary`.
    normal_derivative : number or function or mapping
        Outward normal derivative on the Neumann sides, by side name where they differ.
    name : str
        For tables and plots.

    Returns
    -------
    PDE

    Raises
    ------
    InvalidProblem
        See `ritz.PDE`.
    UnknownName
        For an unknown name of an equation.

    Examples
    --------
    >>> import ritz
    >>> plate = ritz.problems.pde([(0, 2), (0, 1)], "poisson", source=1.0, boundary=lambda x, y: x)
    >>> ritz.solve(plate, "chebyshev", shape=20).interpolate([[1.0, 0.0], [1.0, 0.5]]).round(4).tolist()
    [1.0, 1.1139]
    """
    terms: Any = equation
    if isinstance(equation, str):
        if equation not in EQUATIONS:
            raise UnknownName("equation", equation, EQUATIONS)
        axes = np.atleast_2d(np.asarray(domain)).shape[0]
        terms = {tuple(2 * int(other == axis) for other in range(axes)): -1.0 for axis in range(axes)}
    return PDE(
        domain,
        terms,
        source,
        boundary,
        conditions=conditions,
        normal_derivative=normal_derivative,
        exact=exact,
        name=name or (equation if isinstance(equation, str) else ""),
    )
