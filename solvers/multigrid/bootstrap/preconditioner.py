"""Bootstrap algebraic multigrid as a preconditioner."""

from __future__ import annotations

from dataclasses import dataclass

from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.registry import preconditioners

from .options import BootstrapOptions
from .setup import build_bootstrap

__all__ = ["BootstrapAMG"]


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
        return build_bootstrap(operator, self)
