"""The table that ``auto`` chooses from: candidate solvers and their costs.

Costs are seconds on one core, fitted to measurements at relative tolerance 1e-8 on grids of 16² to 512² and 8³ to
64³ (Poisson with every boundary condition and with obstacles, diffusion with log-normal coefficients and inclusions
of contrast 1e3 and 1e6, Helmholtz, heat, pressure projection, advection-diffusion at Péclet numbers 1 to 1e4) and on
unstructured finite elements; those of bootstrap-amg on nearest-neighbour graphs with weights over six decades. Only
their ratios matter. Some of the measurements, as milliseconds for prepare and solve together, with a dash if a solver
was not run or failed (``benchmarks/results/automatic.jsonl`` holds all of them):

========================  ====  ===========  ===========  ======  ========  ===
problem                   cg    cg + Jacobi  cg + MIC(0)  amg-cg  cholesky  lu
========================  ====  ===========  ===========  ======  ========  ===
Poisson, 24²              0.88  1.1          1.2          3.9     0.55      1.2
Poisson, 96²              7.3   9.4          8.3          15      11        18
Poisson, 256²             99    110          104          85      224       238
Poisson, 48³              40    52           81           -       -         -
Neumann, 256²             118   188          142          90      280       227
inclusions 1e6, 256²      -     363          376          128     448       192
inclusions 1e6, 48³       -     172          190          393     -         -
log-normal, 256²          -     167          132          96      351       209
rotated anisotropy, 96²   34    37           4.2          22      21        16
pressure, 256², 10 steps  2113  -            2790         762     882       539
========================  ====  ===========  ===========  ======  ========  ===
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ritz.operators import Stencil
from ritz.solver import Solver, make_solver

from .system_features import SystemFeatures

__all__ = ["FEW", "FOR_SINGULAR", "TABLE", "Candidate", "candidates", "for_singular"]

FACTOR_BYTES = 4e9  # most memory that a factorisation may take
FEW = 1000  # unknowns up to which a dense decomposition takes about a second


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A row of the table.

    Parameters
    ----------
    solver : str
        Registered name.
    preconditioner : str or None
        Registered name of a preconditioner, if the solver takes one.
    reason : str
        Why this candidate is a good choice.
    applies : callable
        Returns whether the candidate suits a system with given features.
    prepare, solve : callable
        Return the estimated seconds spent once, and for each right-hand side.
    needs_definite : bool
        Whether the candidate fails on indefinite operators.
    on_trial : bool
        Whether the candidate is abandoned if its first iterations are slow.
    certain : bool
        Whether the candidate, if it applies, is so much cheaper than all others that comparing them is not worthwhile.
    """

    solver: str = field(kw_only=False)
    preconditioner: str | None = field(default=None, kw_only=False)
    reason: str
    applies: Callable[[SystemFeatures], bool]
    prepare: Callable[[SystemFeatures], float]
    solve: Callable[[SystemFeatures], float]
    needs_definite: bool = False
    on_trial: bool = False
    certain: bool = False

    @property
    def label(self) -> str:
        """Names of solver and preconditioner, joined by a plus sign."""
        return f"{self.solver} + {self.preconditioner}" if self.preconditioner else self.solver

    def make(self) -> Solver:
        """Return the solver object."""
        return make_solver(self.solver, {"preconditioner": self.preconditioner} if self.preconditioner else {})

    def seconds(self, features: SystemFeatures) -> float:
        """Return the estimated seconds for preparation and all right-hand sides."""
        return self.prepare(features) + features.solves * self.solve(features)


def _definite(f: SystemFeatures) -> bool:
    return f.sparse and f.symmetric and f.definite


def _factorable(f: SystemFeatures) -> bool:
    return f.sparse and f.factor_bytes < FACTOR_BYTES


def _like_diffusion(f: SystemFeatures) -> bool:
    return f.sparse and f.positive_share < 0.05


def _incomplete_iterations(f: SystemFeatures) -> float:
    free = 10 + 0.42 * f.side * (1.0 if f.smooth else 2.5) * (1.0 if f.structured else 2.0)
    return min(free, 5 + 0.25 * f.plain_iterations) if f.z_matrix else free


def _grid_iterations(f: SystemFeatures) -> float:
    """Return the estimated number of iterations of mic-cg on a stencil."""
    if f.rough:
        return 2.9 * f.side**0.9 if f.space else 3.6 * f.side**0.82
    if f.space:
        free = 4.0 * f.side**0.65 if f.insulated else 3.3 * f.side**0.52 if f.smooth else 4.0 * f.side**0.56
    else:
        free = (4.0 if f.insulated or not f.smooth else 3.0) * f.side**0.56
    return min(free, 5 + 0.25 * f.plain_iterations)


def _classical_iterations(f: SystemFeatures) -> float:
    """Return the estimated iterations of Ruge-Stüben multigrid, which misjudges couplings of very different size."""
    return max(16.0, 0.27 * f.n**0.5) if f.wide else 16.0


def _halvings(f: SystemFeatures) -> float:
    """Return how many times the longest side can be halved until the coarsest grid is reached."""
    return max(0.0, math.log2(f.side / (8 if f.space else 24)))


TABLE: tuple[Candidate, ...] = (
    Candidate(
        "transform",
        reason="constant coefficients on a box",
        applies=lambda f: f.separable,
        prepare=lambda f: 1e-4 + 4e-5 * len(f.shape) + 1e-6 * sum(f.shape),
        solve=lambda f: 6e-5 + 6e-9 * f.n,
        certain=True,
    ),
    Candidate(
        "multigrid",
        reason="positive definite system on a grid",
        applies=lambda f: _definite(f) and f.structured and _like_diffusion(f),
        prepare=lambda f: (
            (2.1e-3 + 2e-3 * _halvings(f) + 7.5e-8 * f.n) if f.space else (1.2e-3 + 1e-3 * _halvings(f) + 3.5e-8 * f.n)
        ),
        solve=lambda f: (
            (1.7 if f.rough else 1.0) * (4.5e-4 + 4.5e-4 * _halvings(f) + (8e-8 if f.space else 5e-8) * f.n)
        ),
        needs_definite=True,
        on_trial=True,
    ),
    Candidate(
        "cholesky",
        reason="dense symmetric matrix",
        applies=lambda f: f.dense and f.symmetric and bool((f.diagonal > 0).all()),
        prepare=lambda f: 1.5e-4 + 2e-11 * f.n**3,
        solve=lambda f: 1e-4 + 1e-9 * f.n**2,
        needs_definite=True,
    ),
    Candidate(
        "lu",
        reason="dense matrix",
        applies=lambda f: f.dense,
        prepare=lambda f: 1e-4 + 4e-11 * f.n**3,
        solve=lambda f: 1e-4 + 1e-9 * f.n**2,
    ),
    Candidate(
        "cg",
        reason="positive definite, and few or cheap products suffice",
        applies=lambda f: not f.dense and f.symmetric and f.definite,
        prepare=lambda f: 0.0,
        solve=lambda f: 1e-4 + f.plain_iterations * (1.1e-5 + f.step),
        needs_definite=True,
    ),
    Candidate(
        "cholesky",
        reason="positive definite with a narrow band",
        applies=lambda f: _definite(f) and 8 * f.n * f.width < FACTOR_BYTES / 2,
        prepare=lambda f: 5e-5 + f.n * (3.2e-7 + 3e-11 * f.width**2),
        solve=lambda f: 9e-5 + 8e-10 * f.n * f.width,
        needs_definite=True,
    ),
    Candidate(
        "cg",
        "jacobi",
        reason="positive definite on a grid with jumps, for which diagonal scaling is enough",
        applies=lambda f: _definite(f) and f.structured and not f.smooth and not isinstance(f.operator, Stencil),
        prepare=lambda f: 5e-5 + 5e-9 * f.n,
        solve=lambda f: 6.3 * f.side * (1.6e-5 + 1.2 * f.step),
        needs_definite=True,
    ),
    Candidate(
        "mic-cg",
        reason="positive definite on a grid that is too small or too rough for multigrid",
        applies=lambda f: _definite(f) and isinstance(f.operator, Stencil),
        prepare=lambda f: 7e-5 + 1.4e-8 * f.n,
        solve=lambda f: 8e-5 + _grid_iterations(f) * (6e-6 + (3.8e-9 if f.space else 2.5e-9) * f.n),
        needs_definite=True,
    ),
    Candidate(
        "cg",
        "modified-incomplete-cholesky",
        reason="positive definite, and too large or too rough for simpler preconditioners",
        applies=lambda f: _definite(f) and (_like_diffusion(f) or f.structured) and not isinstance(f.operator, Stencil),
        prepare=lambda f: 5e-4 + 2.5e-7 * f.n,
        solve=lambda f: _incomplete_iterations(f) * (1.8e-5 + 1.2e-8 * f.n + f.step),
        needs_definite=True,
    ),
    Candidate(
        "cg",
        "incomplete-cholesky",
        reason="positive definite with positive off-diagonal entries, for which multigrid is unsuitable",
        applies=lambda f: _definite(f) and not (_like_diffusion(f) or f.structured),
        prepare=lambda f: 5e-4 + 4e-7 * f.n,
        solve=lambda f: 1.4 * f.side * (1.8e-5 + 1.2e-8 * f.n + f.step),
        needs_definite=True,
    ),
    Candidate(
        "amg-cg",
        reason="large positive definite system for which multigrid needs few iterations",
        applies=lambda f: _definite(f) and _like_diffusion(f),
        prepare=lambda f: 1.5e-3 + (3e-6 if f.space else 9e-7) * f.n,
        solve=lambda f: (9 if f.smooth and f.structured else _classical_iterations(f)) * (8e-5 + 9e-8 * f.n),
        needs_definite=True,
    ),
    Candidate(
        "bootstrap-amg",
        reason="large positive definite system whose couplings differ by orders of magnitude",
        applies=lambda f: _definite(f) and f.z_matrix and f.wide,
        prepare=lambda f: 3e-3 + 1.8e-6 * f.n,
        solve=lambda f: 25 * (1e-4 + 7.5e-8 * f.n),
        needs_definite=True,
    ),
    Candidate(
        "lu",
        reason="symmetric with sufficiently small factors",
        applies=lambda f: _factorable(f) and f.symmetric,
        prepare=lambda f: 4e-4 + 1.5e-6 * f.n + 4.4e-9 * f.width**3,
        solve=lambda f: 1e-4 + 1e-7 * f.n + 2.5e-8 * f.width**2,
    ),
    Candidate(
        "minres",
        reason="symmetric, possibly indefinite, with cheap products",
        applies=lambda f: not f.dense and f.symmetric,
        prepare=lambda f: 0.0,
        solve=lambda f: 7 * f.side * (1.0 if f.smooth else 8.0) * (1.8e-5 + f.step + 1e-9 * f.n),
    ),
    Candidate(
        "lu",
        reason="nonsymmetric with sufficiently small factors",
        applies=lambda f: _factorable(f) and not f.symmetric,
        prepare=lambda f: 4e-4 + 2e-6 * f.n + 9e-9 * f.width**3,
        solve=lambda f: 1e-4 + 2e-7 * f.n + 5e-8 * f.width**2,
    ),
    Candidate(
        "bicgstab",
        reason="nonsymmetric with cheap products",
        applies=lambda f: not f.symmetric and _like_diffusion(f),
        prepare=lambda f: 0.0,
        solve=lambda f: max(1.5, 2.7 - 4 * f.asymmetry) * f.side * (2.4e-5 + 1.5 * f.step),
    ),
    Candidate(
        "bicgstab",
        "symmetric-gauss-seidel",
        reason="nonsymmetric and dominated by convection, which Gauss-Seidel follows",
        applies=lambda f: not f.symmetric and _like_diffusion(f),
        prepare=lambda f: 4e-4 + 1e-7 * f.n,
        solve=lambda f: (3 + 0.85 * (1 - min(f.asymmetry, 1)) * f.side) * (6e-5 + 3.5e-8 * f.n),
    ),
    Candidate(
        "bicgstab",
        "ruge-stuben",
        reason="large nonsymmetric system dominated by diffusion",
        applies=lambda f: not f.symmetric and _like_diffusion(f),
        prepare=lambda f: 1.5e-3 + (3e-6 if f.space else 1e-6) * f.n,
        solve=lambda f: (7 + (0.06 * f.side if f.asymmetry > 0.4 else 0)) * (3e-4 + 2.2e-7 * f.n),
    ),
    Candidate(
        "gmres",
        reason="only products with the operator are available",
        applies=lambda f: not f.dense,
        prepare=lambda f: 0.0,
        solve=lambda f: 10 * f.side * (1e-4 + f.step + 2e-8 * f.n),
    ),
)


FOR_SINGULAR: tuple[Candidate, ...] = (
    Candidate(
        "pseudoinverse",
        reason="singular to working precision, and small",
        applies=lambda f: f.n <= FEW and not f.known_by_products,
        prepare=lambda f: 1e-4 + 2.5e-9 * f.n**3,
        solve=lambda f: 1e-5 + 2e-9 * f.n**2,
    ),
    Candidate(
        "minres",
        reason="singular to working precision, and symmetric",
        applies=lambda f: f.symmetric,
        prepare=lambda f: 0.0,
        solve=lambda f: 7 * f.side * (1.8e-5 + f.step + 1e-9 * f.n),
    ),
    Candidate(
        "lsmr",
        reason="singular to working precision",
        applies=lambda f: True,
        prepare=lambda f: 0.0,
        solve=lambda f: 14 * f.side * (1.8e-5 + 2 * f.step + 1e-9 * f.n),
    ),
)
"""Candidates for singular operators, in the order in which they are tried: those with solutions of minimum norm."""


def candidates(features: SystemFeatures, *, closely: bool = False) -> list[Candidate]:
    """Return the rows that apply, cheapest first; only the certain one if there is one, unless `closely` is set."""
    if not closely:
        for row in TABLE:
            if row.certain and row.applies(features):
                return [row]
    if features.structurally_singular:
        return for_singular(features, suspected=False)
    rows = [row for row in TABLE if row.applies(features)]
    return sorted(rows, key=lambda row: row.seconds(features))


def for_singular(features: SystemFeatures, *, suspected: bool) -> list[Candidate]:
    """Return the rows for singular operators that apply, in order; only the dense one if singularity is `suspected`."""
    return [row for row in FOR_SINGULAR if row.applies(features) and (row is FOR_SINGULAR[0] or not suspected)]
