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

__all__ = ["FEW", "FOR_SINGULAR", "TABLE", "Candidate", "candidates", "for_singular", "next_sure"]

FACTOR_BYTES = 4e9  # most memory that a factorisation may take
FEW = 1000  # unknowns up to which a dense decomposition takes about a second
DOMINANT = 0.05  # gap of the eigenvalues above which about sixty iterations suffice


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
    prepare : callable
        Returns the estimated seconds spent once.
    iteration : callable
        Returns the estimated seconds of an iteration, or of a solve with factors.
    iterations : callable
        Returns the estimated number of iterations.
    needs_definite : bool
        Whether the candidate fails on indefinite operators.
    on_trial : bool
        Whether the candidate is abandoned if its first iterations are slow.
    certain : bool
        Whether the candidate, if it applies, is so much cheaper than all others that comparing them is not worthwhile.
    sure : callable
        Returns whether the time that the candidate takes is known, because it is direct or does not depend on what
        the solution looks like.
    factors : bool
        Whether the candidate computes sparse factors, whose size must be counted to know its time.
    """

    solver: str = field(kw_only=False)
    preconditioner: str | None = field(default=None, kw_only=False)
    reason: str
    applies: Callable[[SystemFeatures], bool]
    prepare: Callable[[SystemFeatures], float]
    iteration: Callable[[SystemFeatures], float]
    iterations: Callable[[SystemFeatures], float] = lambda f: 1.0
    needs_definite: bool = False
    on_trial: bool = False
    certain: bool = False
    sure: Callable[[SystemFeatures], bool] = lambda f: False
    factors: bool = False

    @property
    def label(self) -> str:
        """Names of solver and preconditioner, joined by a plus sign."""
        return f"{self.solver} + {self.preconditioner}" if self.preconditioner else self.solver

    def make(self) -> Solver:
        """Return the solver object."""
        return make_solver(self.solver, {"preconditioner": self.preconditioner} if self.preconditioner else {})

    def seconds(self, features: SystemFeatures) -> float:
        """Return the estimated seconds for preparation and all right-hand sides."""
        each = self.iterations(features) * self.iteration(features)
        return self.prepare(features) + features.solves * each


def _definite(f: SystemFeatures) -> bool:
    return f.sparse and f.symmetric and f.definite


def _factorable(f: SystemFeatures) -> bool:
    return f.sparse and f.factor_bytes < FACTOR_BYTES


def _always(f: SystemFeatures) -> bool:
    return True


def _like_diffusion(f: SystemFeatures) -> bool:
    return f.sparse and f.positive_share < 0.05


def _incomplete_iterations(f: SystemFeatures) -> float:
    free = 10 + 0.42 * f.side * (1.0 if f.smooth else 2.5) * (1.0 if f.structured else 2.0)
    free *= _stiffness(f) * (0.3 if f.lines else 1.0)
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
    if f.smooth and f.structured:
        return 9.0
    return max(16.0, 0.27 * f.n**0.5) if f.wide else 16.0


def _by_gap(f: SystemFeatures) -> float:
    """Return the estimated iterations with diagonal scaling, from the distance of the eigenvalues from zero."""
    return 13.0 / f.gap**0.5 if f.gap > 0.0 else math.inf


def _scaled_iterations(f: SystemFeatures) -> float:
    free = 6.3 * f.side if f.structured else 6.0 * f.side * (1.0 if f.smooth else 1.5)
    return min(free * _stiffness(f), _by_gap(f))


def _stiffness(f: SystemFeatures) -> float:
    return 6.0 if f.stiff else 1.0


def _exact_fill_iterations(f: SystemFeatures) -> float:
    """Return the estimated iterations with an incomplete factor, which follows lines of strong coupling."""
    free = 8 + 0.85 * f.side * (1.0 if f.smooth else 1.5)
    return min(free * _stiffness(f) * (0.3 if f.lines else 1.0), 5 + 0.4 * _by_gap(f))


def _general_iterations(f: SystemFeatures) -> float:
    return min(max(1.5, 2.7 - 4 * f.asymmetry) * f.side if f.dominated else 250.0, 1.5 * _by_gap(f))


def _gauss_seidel_iterations(f: SystemFeatures) -> float:
    along = 0.85 * (1 - min(f.asymmetry, 1)) * f.side * (1.0 if f.dominated else 3.0)
    return 3 + min(along, 0.45 * _by_gap(f))


def _minres_iterations(f: SystemFeatures) -> float:
    if not f.definite:
        return max((1.5 if f.stiff else 0.25) * f.n, 20.0 * f.side)
    return 7 * f.side * (1.0 if f.smooth else 8.0) * _stiffness(f)


def _halvings(f: SystemFeatures) -> float:
    """Return how many times the longest side can be halved until the coarsest grid is reached."""
    return max(0.0, math.log2(f.side / (8 if f.space else 24)))


def _is_stencil(f: SystemFeatures) -> bool:
    return isinstance(f.operator, Stencil)


def _entries(f: SystemFeatures) -> float:
    return 5.0 * f.n if f.matrix is None else float(f.matrix.nnz)


TABLE: tuple[Candidate, ...] = (
    Candidate(
        "lu",
        reason="so small that any look at it would take longer",
        applies=lambda f: f.tiny,
        prepare=lambda f: 1e-4,
        iteration=lambda f: 1e-5,
        certain=True,
        sure=_always,
    ),
    Candidate(
        "cg",
        "jacobi",
        reason="symmetric with a dominant diagonal, for which few products suffice",
        applies=lambda f: f.symmetric and f.gap > DOMINANT and f.positive_diagonal,
        prepare=lambda f: 1.5e-4 + 5e-9 * f.n,
        iteration=lambda f: 1.6e-5 + 1.2 * f.step,
        iterations=_by_gap,
        needs_definite=True,
        certain=True,
    ),
    Candidate(
        "bicgstab",
        reason="nonsymmetric with a dominant diagonal, for which few products suffice",
        applies=lambda f: not f.symmetric and f.gap > DOMINANT and f.smooth,
        prepare=lambda f: 1e-4,
        iteration=lambda f: 2.4e-5 + 2.0 * f.step,
        iterations=_by_gap,
        certain=True,
    ),
    Candidate(
        "bicgstab",
        "jacobi",
        reason="nonsymmetric with a dominant diagonal of very different size, for which few products suffice",
        applies=lambda f: not f.symmetric and f.gap > DOMINANT and not f.smooth,
        prepare=lambda f: 1e-4,
        iteration=lambda f: 3e-5 + 2.3 * f.step,
        iterations=_by_gap,
        certain=True,
    ),
    Candidate(
        "cholesky",
        reason="positive definite and small",
        applies=lambda f: f.small and f.symmetric and f.definite,
        prepare=lambda f: 1e-4 + 1e-6 * f.n,
        iteration=lambda f: 1e-5,
        needs_definite=True,
        certain=True,
        sure=_always,
    ),
    Candidate(
        "lu",
        reason="small",
        applies=lambda f: f.small,
        prepare=lambda f: 1e-4 + 1e-6 * f.n,
        iteration=lambda f: 1e-5,
        certain=True,
        sure=_always,
    ),
    Candidate(
        "transform",
        reason="constant coefficients on a box",
        applies=lambda f: f.separable,
        prepare=lambda f: 1e-4 + 4e-5 * len(f.shape) + 1e-6 * sum(f.shape),
        iteration=lambda f: 6e-5 + 6e-9 * f.n,
        certain=True,
        sure=_always,
    ),
    Candidate(
        "multigrid",
        reason="positive definite system on a grid",
        applies=lambda f: _definite(f) and f.structured and _like_diffusion(f),
        prepare=lambda f: (
            (2.1e-3 + 2e-3 * _halvings(f) + 7.5e-8 * f.n) if f.space else (1.2e-3 + 1e-3 * _halvings(f) + 3.5e-8 * f.n)
        ),
        iteration=lambda f: (4.5e-4 + 4.5e-4 * _halvings(f) + (8e-8 if f.space else 5e-8) * f.n) / 8.0,
        iterations=lambda f: 14.0 if f.rough else 8.0,
        needs_definite=True,
        on_trial=True,
    ),
    Candidate(
        "cholesky",
        reason="dense symmetric matrix",
        applies=lambda f: f.dense and f.symmetric and f.positive_diagonal,
        prepare=lambda f: 1.5e-4 + 2e-11 * f.n**3,
        iteration=lambda f: 1e-4 + 1e-9 * f.n**2,
        needs_definite=True,
        sure=_always,
    ),
    Candidate(
        "lu",
        reason="dense matrix",
        applies=lambda f: f.dense,
        prepare=lambda f: 1e-4 + 4e-11 * f.n**3,
        iteration=lambda f: 1e-4 + 1e-9 * f.n**2,
        sure=_always,
    ),
    Candidate(
        "cg",
        reason="positive definite, and few or cheap products suffice",
        applies=lambda f: not f.dense and f.symmetric and f.definite,
        prepare=lambda f: 1e-4,
        iteration=lambda f: 1.1e-5 + f.step,
        iterations=lambda f: min(f.plain_iterations * _stiffness(f), _by_gap(f) if f.smooth else math.inf),
        needs_definite=True,
    ),
    Candidate(
        "cholesky",
        reason="positive definite with a narrow band",
        applies=lambda f: _definite(f) and 8 * f.n * f.width < FACTOR_BYTES / 2,
        prepare=lambda f: 1.5e-4 + f.n * (6e-7 + 5e-11 * f.width**2),
        iteration=lambda f: 9e-5 + 8e-10 * f.n * f.width,
        needs_definite=True,
        sure=_always,
    ),
    Candidate(
        "cg",
        "jacobi",
        reason="positive definite, and diagonal scaling is enough",
        applies=lambda f: _definite(f) and not f.smooth and not _is_stencil(f),
        prepare=lambda f: 1.5e-4 + 5e-9 * f.n,
        iteration=lambda f: 1.6e-5 + 1.2 * f.step,
        iterations=_scaled_iterations,
        needs_definite=True,
    ),
    Candidate(
        "mic-cg",
        reason="positive definite on a grid that is too small or too rough for multigrid",
        applies=lambda f: _definite(f) and _is_stencil(f),
        prepare=lambda f: 1.5e-4 + 1.4e-8 * f.n,
        iteration=lambda f: 6e-6 + (3.8e-9 if f.space else 2.5e-9) * f.n,
        iterations=_grid_iterations,
        needs_definite=True,
    ),
    Candidate(
        "cg",
        "modified-incomplete-cholesky",
        reason="positive definite, and too large or too rough for simpler preconditioners",
        applies=lambda f: _definite(f) and (_like_diffusion(f) or f.structured) and not _is_stencil(f),
        prepare=lambda f: 5e-4 + 2.5e-7 * f.n,
        iteration=lambda f: 1.8e-5 + 1.2e-8 * f.n + f.step,
        iterations=_incomplete_iterations,
        needs_definite=True,
    ),
    Candidate(
        "cg",
        "incomplete-cholesky",
        reason="positive definite without a grid, and too large for simpler preconditioners",
        applies=lambda f: _definite(f) and not f.structured,
        prepare=lambda f: 6e-4 + 7e-8 * _entries(f),
        iteration=lambda f: 2e-5 + 4e-9 * _entries(f),
        iterations=_exact_fill_iterations,
        needs_definite=True,
    ),
    Candidate(
        "amg-cg",
        reason="large positive definite system for which multigrid needs few iterations",
        applies=lambda f: _definite(f) and _like_diffusion(f) and not f.stiff,
        prepare=lambda f: 1.5e-3 + (3e-6 if f.space else 9e-7) * f.n,
        iteration=lambda f: 8e-5 + 9e-8 * f.n,
        iterations=_classical_iterations,
        needs_definite=True,
        sure=lambda f: f.z_matrix and not f.wide,
    ),
    Candidate(
        "bootstrap-amg",
        reason="large positive definite system whose couplings differ by orders of magnitude",
        applies=lambda f: _definite(f) and f.z_matrix and f.n > 2000 and f.wide,
        prepare=lambda f: 3e-3 + 1.8e-6 * f.n,
        iteration=lambda f: 1e-4 + 7.5e-8 * f.n,
        iterations=lambda f: 25.0,
        needs_definite=True,
        sure=_always,
    ),
    Candidate(
        "lu",
        reason="symmetric with sufficiently small factors",
        applies=lambda f: _factorable(f) and f.symmetric,
        prepare=lambda f: f.factor_seconds,
        iteration=lambda f: 1e-4 + 3e-9 * f.factor.entries,
        sure=_always,
        factors=True,
    ),
    Candidate(
        "minres",
        reason="symmetric, possibly indefinite, with cheap products",
        applies=lambda f: not f.dense and f.symmetric,
        prepare=lambda f: 1e-4,
        iteration=lambda f: 1.8e-5 + f.step + 1e-9 * f.n,
        iterations=_minres_iterations,
    ),
    Candidate(
        "lu",
        reason="nonsymmetric with sufficiently small factors",
        applies=lambda f: _factorable(f) and not f.symmetric,
        prepare=lambda f: f.factor_seconds,
        iteration=lambda f: 1e-4 + 3e-9 * f.factor.entries,
        sure=_always,
        factors=True,
    ),
    Candidate(
        "bicgstab",
        reason="nonsymmetric with cheap products",
        applies=lambda f: not f.symmetric and f.sparse and (f.nearly_dominated or f.mild),
        prepare=lambda f: 1e-4,
        iteration=lambda f: 2.4e-5 + 2.0 * f.step,
        iterations=lambda f: _general_iterations(f) * (1.0 if f.smooth else 2.0),
    ),
    Candidate(
        "bicgstab",
        "symmetric-gauss-seidel",
        reason="nonsymmetric and dominated by its diagonal, or by convection, which Gauss-Seidel follows",
        applies=lambda f: not f.symmetric and f.sparse and f.nearly_dominated,
        prepare=lambda f: 6e-4 + 2e-8 * _entries(f),
        iteration=lambda f: 6e-5 + 8e-9 * _entries(f),
        iterations=_gauss_seidel_iterations,
    ),
    Candidate(
        "bicgstab",
        "ruge-stuben",
        reason="large nonsymmetric system dominated by diffusion",
        applies=lambda f: not f.symmetric and _like_diffusion(f) and f.nearly_dominated and f.crowded_share < 0.01,
        prepare=lambda f: 1.5e-3 + (3e-6 if f.space else 1e-6) * f.n,
        iteration=lambda f: 3e-4 + 2.2e-7 * f.n,
        iterations=lambda f: 7 + (0.06 * f.side if f.asymmetry > 0.4 else 0),
    ),
    Candidate(
        "gmres",
        reason="only products with the operator are available",
        applies=lambda f: not f.dense and not _factorable(f),
        prepare=lambda f: 1e-4,
        iteration=lambda f: 1e-4 + f.step + 2e-8 * f.n,
        iterations=lambda f: 30 * f.side,
    ),
)


FOR_SINGULAR: tuple[Candidate, ...] = (
    Candidate(
        "pseudoinverse",
        reason="singular to working precision, and small or with small factors",
        applies=lambda f: (f.n <= FEW and not f.known_by_products) or _factorable(f),
        prepare=lambda f: 1e-4 + 2.5e-9 * f.n**3,
        iteration=lambda f: 1e-5 + 2e-9 * f.n**2,
    ),
    Candidate(
        "minres",
        reason="singular to working precision, and symmetric",
        applies=lambda f: f.symmetric,
        prepare=lambda f: 0.0,
        iteration=lambda f: 1.8e-5 + f.step + 1e-9 * f.n,
        iterations=lambda f: 7 * f.side,
    ),
    Candidate(
        "lsmr",
        reason="singular to working precision",
        applies=_always,
        prepare=lambda f: 0.0,
        iteration=lambda f: 1.8e-5 + 2 * f.step + 1e-9 * f.n,
        iterations=lambda f: 14 * f.side,
    ),
)
"""Candidates for singular operators, in the order in which they are tried: those with solutions of minimum norm."""


def candidates(features: SystemFeatures, *, closely: bool = False) -> list[Candidate]:
    """Return the rows that apply, cheapest first; only the certain one if there is one, unless `closely` is set.

    Factors are counted only where they might be the cheapest, and no further than is needed to see that they are not.
    """
    if not closely:
        for row in TABLE:
            if row.certain and row.applies(features):
                return [row]
    if features.structurally_singular:
        return for_singular(features, suspected=False)
    rows = [row for row in TABLE if not (closely and row.certain) and row.applies(features)]
    rows.sort(key=lambda row: row.seconds(features))
    if rows and rows[0].factors and not features.factor.complete:
        features.count_factor(min((row.seconds(features) for row in rows if not row.factors), default=1e3))
        rows.sort(key=lambda row: row.seconds(features))
    return rows


def next_sure(rows: list[Candidate], features: SystemFeatures, seconds: float) -> float:
    """Return what the next solve costs by the cheapest of the rows whose time is known, infinite if there is none.

    Factors are counted as far as is needed to see whether they take longer than the given time; with zero seconds, the
    least that they may take is good enough.
    """
    if seconds > 0.0 and any(row.factors for row in rows):
        features.count_factor(seconds)
    costs = [row.seconds(features) / features.solves for row in rows if row.sure(features)]
    return min(costs, default=math.inf)


def for_singular(features: SystemFeatures, *, suspected: bool) -> list[Candidate]:
    """Return the rows for singular operators that apply, in order; only the dense one if singularity is `suspected`."""
    return [row for row in FOR_SINGULAR if row.applies(features) and (row is FOR_SINGULAR[0] or not suspected)]
