"""The options of bootstrap multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem

__all__ = ["BootstrapOptions"]

CHOICES = {
    "composition": ("symmetrised", "multiplicative", "additive"),
    "cycle": ("V", "W", "K"),
    "smoother": ("gauss-seidel", "l1-jacobi", "chebyshev"),
    "aggregate_size": (2, 4, 8),
    "prolongation": ("smoothed", "plain"),
}


@dataclass(frozen=True)
class BootstrapOptions:
    """The options of `ritz.solvers.multigrid.bootstrap`, which explains them; checked.

    Raises
    ------
    InvalidProblem
        Naming the option that is wrong.
    """

    smooth_vector: Any = None
    target_rate: float | None = None
    max_hierarchies: int = 3
    composition: str = "symmetrised"
    cycle: str = "V"
    smoother: str = "gauss-seidel"
    aggregate_size: int = 8
    prolongation: str = "smoothed"
    trials: int = 6
    seed: int = 0

    def __post_init__(self):
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise InvalidProblem(f"{name} is {value!r}; it must be one of {', '.join(map(str, known))}")
        rate = self.target_rate
        if rate is not None and not (isinstance(rate, Real) and 0.0 <= float(rate) <= 1.0):
            raise InvalidProblem(f"target_rate is {rate!r}; it must be a number between 0 and 1, or None")
        for name, least in (("max_hierarchies", 1), ("trials", 1), ("seed", 0)):
            check_integer(name, getattr(self, name), least)

    @property
    def symmetric(self) -> bool:
        """Whether the composite is symmetric, as conjugate gradients require."""
        return self.composition != "multiplicative" and self.cycle != "K"
