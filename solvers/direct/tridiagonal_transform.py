"""Solver for separable systems by elimination along one axis and transforms along the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ritz.arguments import is_integer
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register

from .factorisation import PreparedFactorisation
from .transform import prepare_separable
from .transform_lines import Line

__all__ = ["TridiagonalTransform"]


@register("tridiagonal-transform")
@dataclass(frozen=True)
class TridiagonalTransform:
    """`Transform` that always uses elimination along one axis.

    Takes definite operators and consistent singular ones. Any other ends with the status INDEFINITE, since elimination
    is done without pivoting.

    Parameters
    ----------
    axis : int, optional
        Axis of the tridiagonal systems, counting only axes of more than one unknown. By default, the cheapest.

    Raises
    ------
    InvalidProblem
        From `prepare`, if the operator is not separable or no axis has a tridiagonal matrix.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> from ritz.operators import Stencil
    >>> system = ritz.LinearSystem(Stencil((30, 20, 10), boundary="mixed"), np.ones(6000))
    >>> ritz.solve(system, "tridiagonal-transform", axis=0).stats["route"]
    ('tridiagonal', 'fast', 'fast')
    """

    axis: int | None = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Choose what to do along the other axes, and compute tables of transforms and eigenvalues."""
        return prepare_separable(self, problem, self._ways, eliminate=True)

    def _ways(self, lines: Sequence[Line]) -> Sequence[str]:
        if self.axis is None:
            return ("any",) * len(lines)
        if not is_integer(self.axis) or self.axis not in range(len(lines)):
            raise InvalidProblem(f"axis is {self.axis!r}; the operator has {len(lines)} axes of more than one unknown")
        return ["tridiagonal" if axis == self.axis else "any" for axis in range(len(lines))]
