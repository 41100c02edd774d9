"""Bootstrap algebraic multigrid as an approximate inverse, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.registry import preconditioners

__all__ = ["BootstrapAMG", "BootstrapOptions"]

CHOICES = {
    "composition": ("symmetrised", "multiplicative", "additive"),
    "cycle": ("V", "W", "K"),
    "smoother": ("gauss-seidel", "l1-jacobi", "chebyshev"),
    "aggregate_size": (2, 4, 8),
    "prolongation": ("smoothed", "plain"),
}


@dataclass(frozen=True)
class BootstrapOptions:
    """The options of `ritz.solvers.multigrid.bootstrapping.bootstrap`, where they are explained; checked.

    Raises
    ------
    InvalidProblem
        Naming the option that is wrong.
    """

    smooth_vector: Any = None
    target_rate: float = 0.75
    max_hierarchies: int = 3
    composition: str = "symmetrised"
    cycle: str = "V"
    smoother: str = "gauss-seidel"
    aggregate_size: int = 8
    prolongation: str = "smoothed"
    trials: int = 10
    seed: int = 0

    def __post_init__(self):
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise InvalidProblem(f"{name} is {value!r}; it must be one of {', '.join(map(str, known))}")
        if not 0.0 <= self.target_rate <= 1.0:
            raise InvalidProblem(f"target_rate is {self.target_rate!r}; it must be between 0 and 1")
        for name in ("max_hierarchies", "trials"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise InvalidProblem(f"{name} is {value!r}; it must be a positive whole number")

    @property
    def symmetric(self) -> bool:
        """Whether the composite is a symmetric linear function, as conjugate gradients need it."""
        return self.composition != "multiplicative" and self.cycle != "K"


@preconditioners.register("bootstrap-amg")
@dataclass(frozen=True)
class BootstrapAMG(BootstrapOptions):
    """The composite of a few multigrid hierarchies along bootstrapped vectors :cite:`DAmbraFilipponeVassilevski2018`.

    Examples
    --------
    >>> import ritz
    >>> system = ritz.problems.diffusion((60, 60), contrast=1e6)
    >>> ritz.solve(system, "cg", preconditioner="bootstrap-amg").iterations < 25
    True
    """

    def __post_init__(self):
        super().__post_init__()
        if not self.symmetric:
            raise InvalidProblem(
                f"composition {self.composition!r} with cycle {self.cycle!r} is not a symmetric preconditioner, which"
                " conjugate gradients need: use composition 'symmetrised' or 'additive' and cycle 'V' or 'W', or the"
                " solver 'bootstrap-amg', which then takes flexible conjugate gradients"
            )

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        from ritz.solvers.multigrid.bootstrapping import build_bootstrap

        return build_bootstrap(operator, self)
