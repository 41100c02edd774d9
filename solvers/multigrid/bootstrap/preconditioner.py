"""Bootstrap algebraic multigrid as an approximate inverse, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

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
    """The options of `ritz.solvers.multigrid.bootstrap.setup.bootstrap`, where they are explained; checked.

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
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise InvalidProblem(f"{name} is {value!r}; it must be a whole number, at least {least}")

    @property
    def symmetric(self) -> bool:
        """Whether the composite is a symmetric linear function, as conjugate gradients need it."""
        return self.composition != "multiplicative" and self.cycle != "K"


@preconditioners.register("bootstrap-amg")
@dataclass(frozen=True)
class BootstrapAMG(BootstrapOptions):
    """Bootstrap algebraic multigrid: a few hierarchies, each for what those before it leave.

    For symmetric positive (semi-)definite matrices of which nothing is known: coefficients that jump or depend on
    direction, graph Laplacians with weights over many decades, hubs, several components
    :cite:`DAmbraFilipponeVassilevski2018`. Symmetric positive definite. O(nnz) time and memory: the coarse levels
    of a hierarchy have about half as many entries as the matrix, all in single precision; with k hierarchies an
    application costs 2k - 1 cycles, of some three products each.

    Parameters
    ----------
    smooth_vector, target_rate, max_hierarchies, composition
        See `ritz.solvers.multigrid.bootstrap.setup.bootstrap`.
    cycle, smoother, aggregate_size, prolongation, trials, seed
        See `ritz.solvers.multigrid.bootstrap.setup.bootstrap`.

    Raises
    ------
    InvalidProblem
        For the composition ``"multiplicative"`` and the cycle ``"K"``, which are not symmetric; from `build`, for an
        operator without entries, or one that is not symmetric or not positive semidefinite, as far as that is seen.

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
        from .setup import build_bootstrap

        return build_bootstrap(operator, self)
