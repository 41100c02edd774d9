"""Options of bootstrap multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ritz.arguments import check_choice, check_integer, check_number, check_seed, is_integer
from ritz.errors import InvalidProblem

__all__ = ["BootstrapOptions"]

CHOICES = {
    "composition": ("symmetrised", "multiplicative", "additive"),
    "cycle": ("V", "W", "K"),
    "smoother": ("gauss-seidel", "l1-jacobi", "chebyshev"),
    "prolongation": ("smoothed", "plain"),
}


@dataclass(frozen=True)
class BootstrapOptions:
    """Options of `ritz.solvers.multigrid.bootstrap`, where they are documented.

    Raises
    ------
    InvalidProblem, UnknownName
        If an option is invalid. The message names it.
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
            check_choice(name, getattr(self, name), known)
        if not is_integer(self.aggregate_size) or self.aggregate_size not in (2, 4, 8):
            raise InvalidProblem(f"aggregate_size is {self.aggregate_size!r}; it must be 2, 4 or 8")
        if self.target_rate is not None:
            check_number("target_rate", self.target_rate, least=0.0, most=1.0)
        check_seed(self.seed)
        for name in ("max_hierarchies", "trials"):
            check_integer(name, getattr(self, name))

    @property
    def symmetric(self) -> bool:
        """Whether the composite is symmetric, as conjugate gradients require."""
        return self.composition != "multiplicative" and self.cycle != "K"
