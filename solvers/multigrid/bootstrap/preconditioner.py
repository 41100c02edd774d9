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
    """Bootstrap algebraic multigrid: a few hierarchies, each for the error that the previous ones reduce slowly.

    For symmetric positive (semi-)definite matrices about which nothing is known: jumping or direction-dependent
    coefficients, and graph Laplacians with weights over many decades, hubs and several components
    :cite:`DAmbraFilipponeVassilevski2018`. The preconditioner is symmetric positive definite. O(nnz) time and memory:
    the coarse levels of a hierarchy have about half as many entries as the matrix, all in single precision; an
    application with k hierarchies costs 2k - 1 cycles of about three products each.

    Parameters
    ----------
    smooth_vector, target_rate, max_hierarchies, composition
        See `ritz.solvers.multigrid.bootstrap`.
    cycle, smoother, aggregate_size, prolongation, trials, seed
        See `ritz.solvers.multigrid.bootstrap`.

    Raises
    ------
    InvalidProblem
        For the composition ``"multiplicative"`` or the cycle ``"K"``, which are not symmetric. From `build`, if the
        entries of the operator are not known, or if it is found not to be symmetric or positive semidefinite.

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
