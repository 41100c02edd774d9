"""The solver that picks a solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ritz.operators import Tag
from ritz.registry import register
from ritz.solver import Prepared, make_solver

__all__ = ["Auto"]


@register("auto")
@dataclass(frozen=True)
class Auto:
    """Choose by the table of this module."""

    solves: ClassVar[type] = object
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: Any) -> Prepared:
        """Prepare the solver chosen for `problem`."""
        return make_solver("lu", {}).prepare(problem)
