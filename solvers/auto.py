"""The solver that picks a solver: a table of candidates, each with what it costs.

Costs are seconds on one core, fitted to measurements at relative tolerance 1e-8 on grids of 16² to 512² and 8³ to
64³ (Poisson with every boundary condition and with obstacles, diffusion with log-normal coefficients and inclusions
of contrast 1e3 and 1e6, Helmholtz, heat, pressure projection, advection-diffusion at Péclet numbers 1, 100 and 1e4)
and on unstructured finite elements (Poisson, elasticity). Only their ratios matter. What was measured, prepare and
solve together in milliseconds, of the best and its rivals:

===========================  ==============  ===============  =====================  ==============
problem                      cg              cg + MIC(0)      amg-cg (Ruge-Stuben)   direct
===========================  ==============  ===============  =====================  ==============
Poisson 32²                  1.2             1.5              3.8                    cholesky 1.0
Poisson 256²                 90              100              76                     lu 180
Poisson 64³                  100             220              1200                   too large
inclusions 1e3, 128²         110             36               31                     cholesky 23
inclusions 1e3, 256²         760             250              130                    lu 200
inclusions 1e6, 24³          370             24               45                     cholesky 99
rotated anisotropy, 256²     1100            54               380                    lu 530
heat, one step, 256²         15              30               73                     lu 190
===========================  ==============  ===============  =====================  ==============
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem import LinearSystem
from ritz.registry import register, solvers
from ritz.solution import Solution, Status
from ritz.solver import Callback, Prepared, make_solver, registered_name

from .features import Features

__all__ = ["TABLE", "Auto", "Candidate", "PreparedAuto", "choose"]

FACTOR_BYTES = 4e9  # what a factorisation may take


@dataclass(frozen=True)
class Candidate:
    """A row of the table.

    Parameters
    ----------
    solver, options
        Registered name, and options.
    applies : callable
        Whether the candidate takes a system with these features.
    prepare, solve : callable
        Seconds spent once, and for each right-hand side.
    reason : str
        Why one would choose it.
    needs_definite : bool
        Whether it fails on indefinite operators.
    """

    solver: str
    options: Mapping[str, Any]
    applies: Callable[[Features], bool]
    prepare: Callable[[Features], float]
    solve: Callable[[Features], float]
    reason: str
    needs_definite: bool = False

    def seconds(self, features: Features) -> float:
        """Return the estimated cost of all right-hand sides."""
        return self.prepare(features) + features.solves * self.solve(features)


def _definite(f: Features) -> bool:
    return f.sparse and f.symmetric and f.definite


def _factorable(f: Features) -> bool:
    return f.sparse and f.factor_bytes < FACTOR_BYTES


def _like_diffusion(f: Features) -> bool:
    return f.sparse and f.positive_share < 0.05


def _incomplete_iterations(f: Features) -> float:
    free = 10 + 0.42 * f.side * (1.0 if f.smooth else 2.5) * (1.0 if f.structured else 2.0)
    return min(free, 5 + 0.25 * f.plain_iterations) if f.z_matrix else free


TABLE: tuple[Candidate, ...] = (
    Candidate(
        *("cholesky", {}, lambda f: f.dense and f.symmetric and bool((f.diagonal > 0).all())),
        *(lambda f: 1.5e-4 + 2e-11 * f.n**3, lambda f: 1e-4 + 1e-9 * f.n**2),
        "dense and symmetric",
        needs_definite=True,
    ),
    Candidate(
        *("lu", {}, lambda f: f.dense),
        *(lambda f: 1e-4 + 4e-11 * f.n**3, lambda f: 1e-4 + 1e-9 * f.n**2),
        "dense",
    ),
    Candidate(
        *("cg", {}, lambda f: not f.dense and f.symmetric and f.definite),
        *(lambda f: 0.0, lambda f: f.plain_iterations * (1.1e-5 + f.step)),
        "definite, and few or cheap products are enough",
        needs_definite=True,
    ),
    Candidate(
        *("cholesky", {}, lambda f: _definite(f) and 8 * f.n * f.width < FACTOR_BYTES / 2),
        *(lambda f: 3e-4 + f.n * (7.5e-7 + 4.5e-11 * f.width**2), lambda f: 1e-4 + 1.35e-9 * f.n * f.width),
        "definite with a narrow band",
        needs_definite=True,
    ),
    Candidate(
        *("cg", {"preconditioner": "modified-incomplete-cholesky"}),
        lambda f: _definite(f) and (_like_diffusion(f) or f.structured),
        *(lambda f: 5e-4 + 2.5e-7 * f.n, lambda f: _incomplete_iterations(f) * (1.8e-5 + 1.2e-8 * f.n + f.step)),
        "definite, from a grid, too large or too rough for less",
        needs_definite=True,
    ),
    Candidate(
        *("cg", {"preconditioner": "incomplete-cholesky"}),
        lambda f: _definite(f) and not (_like_diffusion(f) or f.structured),
        *(lambda f: 5e-4 + 4e-7 * f.n, lambda f: 1.4 * f.side * (1.8e-5 + 1.2e-8 * f.n + f.step)),
        "definite, with positive entries off the diagonal, where multigrid is at a loss",
        needs_definite=True,
    ),
    Candidate(
        *("amg-cg", {}, lambda f: _definite(f) and _like_diffusion(f)),
        lambda f: 1.5e-3 + (3e-6 if f.space else 9e-7) * f.n,
        lambda f: (9 if f.smooth and f.structured else 16) * (8e-5 + 9e-8 * f.n),
        "definite, large, and of a kind where multigrid needs few iterations",
        needs_definite=True,
    ),
    Candidate(
        *("lu", {}, lambda f: _factorable(f) and f.symmetric),
        lambda f: 4e-4 + 1.5e-6 * f.n + 4.4e-9 * f.width**3,
        lambda f: 1e-4 + 1e-7 * f.n + 2.5e-8 * f.width**2,
        "symmetric, and the factors are small enough",
    ),
    Candidate(
        *("minres", {}, lambda f: not f.dense and f.symmetric),
        *(lambda f: 0.0, lambda f: 7 * f.side * (1.0 if f.smooth else 8.0) * (1.8e-5 + f.step + 1e-9 * f.n)),
        "symmetric and perhaps indefinite, with cheap products",
    ),
    Candidate(
        *("lu", {}, lambda f: _factorable(f) and not f.symmetric),
        lambda f: 4e-4 + 2e-6 * f.n + 9e-9 * f.width**3,
        lambda f: 1e-4 + 2e-7 * f.n + 5e-8 * f.width**2,
        "not symmetric, and the factors are small enough",
    ),
    Candidate(
        *("bicgstab", {}, lambda f: not f.symmetric and _like_diffusion(f)),
        lambda f: 0.0,
        lambda f: max(1.5, 2.7 - 4 * f.asymmetry) * f.side * (2e-5 + 1.5 * f.step),
        "not symmetric, with cheap products",
    ),
    Candidate(
        *("bicgstab", {"preconditioner": "symmetric-gauss-seidel"}, lambda f: not f.symmetric and _like_diffusion(f)),
        lambda f: 4e-4 + 1e-7 * f.n,
        lambda f: (3 + 0.85 * (1 - min(f.asymmetry, 1)) * f.side) * (6e-5 + 3.5e-8 * f.n),
        "convection carries most, which Gauss-Seidel follows",
    ),
    Candidate(
        *("bicgstab", {"preconditioner": "ruge-stuben"}, lambda f: not f.symmetric and _like_diffusion(f)),
        lambda f: 1.5e-3 + (3e-6 if f.space else 1e-6) * f.n,
        lambda f: (7 + (0.06 * f.side if f.asymmetry > 0.4 else 0)) * (3e-4 + 2.2e-7 * f.n),
        "not symmetric, large, and diffusion carries most",
    ),
    Candidate(
        *("gmres", {}, lambda f: not f.dense),
        *(lambda f: 0.0, lambda f: 10 * f.side * (1e-4 + f.step + 2e-8 * f.n)),
        "nothing but products to work with",
    ),
)


def candidates(features: Features) -> list[Candidate]:
    """Return the rows that apply, cheapest first."""
    rows = [row for row in TABLE if row.applies(features)]
    return sorted(rows, key=lambda row: row.seconds(features))


def choose(problem: Any) -> tuple[Any, str]:
    """Return the solver that ``auto`` picks for a problem, and why.

    Raises
    ------
    InvalidProblem
        If no registered solver takes problems of this kind.

    Examples
    --------
    >>> import numpy as np
    >>> solver, reason = choose(LinearSystem(np.array([[2.0, 1.0], [0.0, 1.0]]), np.ones(2)))
    >>> type(solver).__name__, reason
    ('LU', 'dense')
    """
    if isinstance(problem, LinearSystem):
        row = candidates(Features(problem))[0]
        return make_solver(row.solver, dict(row.options)), row.reason
    kind = type(problem).__name__
    names = [
        name
        for name in solvers.names()
        if solvers[name].solves is not object and isinstance(problem, solvers[name].solves)
    ]
    if not names:
        raise InvalidProblem(
            f"no registered solver takes a {kind}; give a LinearSystem, a PDE or a matrix and a vector"
        )
    name = "finite-difference" if "finite-difference" in names else names[0]
    return make_solver(name, {}), f"takes a {kind}"


@register("auto")
@dataclass(frozen=True)
class Auto:
    """The cheapest candidate of the table of `ritz.solvers.auto`, and the next one where that does not converge.

    Costs follow from size, dimension, symmetry, definiteness, jumps and the number of right-hand sides. Any kind of
    problem is taken that a registered solver takes. ``stats["chosen"]`` of the solution says what was picked and why,
    ``stats["failed"]`` what was tried before it. Looking costs O(nnz) time.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> solution = ritz.solve(np.diag([1.0, 2.0]), np.array([1.0, 1.0]))
    >>> solution.x.tolist(), solution.stats["chosen"]
    ([1.0, 0.5], 'lu: dense')
    """

    solves: ClassVar[type] = object
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: Any) -> Prepared:
        """Choose, and prepare what is chosen."""
        start = time.perf_counter()
        if isinstance(problem, LinearSystem):
            rows = candidates(Features(problem))
            options = [(row.solver, dict(row.options), row.reason, row.needs_definite) for row in rows]
        else:
            solver, reason = choose(problem)
            options = [(registered_name(solver), {}, reason, False)]
        return PreparedAuto(problem, options, time.perf_counter() - start)


class PreparedAuto:
    """The candidates for one operator, the cheapest being prepared; one that fails is not tried again.

    Parameters
    ----------
    problem : problem object
    options : list of (name, options, reason, needs_definite)
        Cheapest first.
    seconds : float
        Time spent on choosing.
    """

    def __init__(self, problem: Any, options: list[tuple[str, dict[str, Any], str, bool]], seconds: float):
        self._problem, self._options, self._seconds = problem, options, seconds
        self._failed: list[str] = []
        self._prepared = self._prepare_next()

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Solve for `rhs` with the cheapest candidate that converges; see `ritz.solver.Prepared.solve`.

        If none does, the solution of smallest residual is returned. With `maxiter` given, reaching it is final.
        """
        controls: dict[str, Any] = {"x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter}
        controls |= {"callback": callback, "progress": progress}
        best: Solution | None = None
        spent = 0.0
        while True:
            solution = self._report(self._prepared.solve(rhs, **controls), spent)
            spent = solution.timings["solve"]
            if best is None or solution.residual < best.residual:
                best = solution
            limited = maxiter is not None and solution.status is Status.MAX_ITERATIONS
            if solution.converged or solution.status is Status.INTERRUPTED or limited:
                return solution
            if not self._fall_back(solution.status):
                return replace(best, stats={**solution.stats, "chosen": best.stats["chosen"]})

    def _fall_back(self, status: Status) -> bool:
        """Prepare the next candidate, if there is one that may fare better than one which ended so."""
        rest = self._options[1:]
        if status is Status.INDEFINITE:
            rest = [option for option in rest if not option[3]]
        if not rest:
            return False
        self._failed.append(f"{self._chosen.split(':')[0]}: {status.name}")
        self._options = rest
        self._prepared = self._prepare_next()
        return True

    def _prepare_next(self) -> Prepared:
        start = time.perf_counter()
        while True:
            name, options, reason, _ = self._options[0]
            try:
                prepared = make_solver(name, options).prepare(self._problem)
            except InvalidProblem as error:  # such as a diagonal that incomplete factors cannot have
                if len(self._options) == 1:
                    raise
                self._failed.append(f"{name}: {error}")
                self._options = self._options[1:]
                continue
            label = " + ".join([name, *(str(value) for value in options.values())])
            self._chosen = f"{label}: {reason}"
            self._seconds += time.perf_counter() - start
            return prepared

    def _report(self, solution: Solution, spent: float) -> Solution:
        stats = {**solution.stats, "chosen": self._chosen}
        if self._failed:
            stats["failed"] = tuple(self._failed)
        timings = {**solution.timings, "prepare": self._seconds, "solve": solution.timings["solve"] + spent}
        return replace(solution, timings=timings, stats=stats)
