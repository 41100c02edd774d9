"""Linear and nonlinear PDEs from their terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.operators.stencils.boundary import BoundaryLike
from ritz.problem_types.pde.fields import Field
from ritz.problem_types.pde.pde import PDE

__all__ = ["pde"]

NAMED = ("poisson",)  # equations that may be given by name


def pde(
    domain: Sequence[Any],
    terms: str | Mapping[Any, Field],
    source: Field = 0.0,
    boundary: Field = 0.0,
    *,
    conditions: BoundaryLike = "dirichlet",
    normal_derivative: Field | Mapping[str, Field] = 0.0,
    reaction: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None,
    initial: Field | None = None,
    exact: Callable[..., Any] | None = None,
    name: str = "",
) -> PDE:
    """Return a `ritz.PDE` on a box, ``sum_a c_a(x) d^a u(x) + r(u(x)) = f(x)``, whose terms may be given by name.

    Parameters
    ----------
    domain : sequence of (float, float)
        Lower and upper end of each of one to three axes; in one dimension also a single pair.
    terms : mapping or "poisson"
        Coefficient of each multi-index, ``{(2, 0): -1.0, (0, 2): -1.0, (1, 0): 5.0}`` for ``-u_xx - u_yy + 5 u_x``;
        ``"poisson"`` is minus the Laplacian.
    source, boundary, conditions, normal_derivative, reaction, initial, exact, name
        See `ritz.PDE`. The name defaults to that of the terms.

    Returns
    -------
    PDE

    Raises
    ------
    InvalidProblem
        See `ritz.PDE`.
    UnknownName
        For an unknown name of terms.

    Examples
    --------
    >>> import ritz
    >>> plate = ritz.problems.pde([(0, 2), (0, 1)], "poisson", source=1.0, boundary=lambda x, y: x)
    >>> ritz.solve(plate, "chebyshev", shape=20).interpolate([[1.0, 0.0], [1.0, 0.5]]).round(4).tolist()
    [1.0, 1.1139]
    """
    if isinstance(terms, str):
        name = name or check_choice("terms", terms, NAMED)
        axes = np.atleast_2d(np.asarray(domain)).shape[0]
        terms = {tuple(2 * int(other == axis) for other in range(axes)): -1.0 for axis in range(axes)}
    return PDE(
        domain,
        terms,
        source,
        boundary,
        conditions=conditions,
        normal_derivative=normal_derivative,
        reaction=reaction,
        initial=initial,
        exact=exact,
        name=name,
    )
