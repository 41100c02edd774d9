"""The choice for a PDE that the first solver's grid does not resolve."""

from __future__ import annotations

import math
import warnings
from dataclasses import is_dataclass, replace
from typing import Any

from ritz.arguments import Callback
from ritz.backend import Array
from ritz.errors import RitzError
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Solution, Status
from ritz.solver import Prepared, make_solver
from ritz.solvers.collocation.resolution import LARGE
from ritz.solvers.collocation.stack import stacklevel

__all__ = ["PreparedResolving", "quiet"]

DOUBTED = 0.1 * LARGE  # error that a second grid may have: estimates near the limit of resolution are too small
MOST = {1: 20_000, 2: 160_000, 3: 125_000}  # unknowns that a finer grid may have, by dimension


class PreparedResolving:
    """A prepared solver for a PDE, and others for what its grid does not resolve.

    If the discretisation error of the first solution exceeds 1e-2, solvers of higher order and finer grids are tried;
    the solution with the smallest error is returned, from the first grid with an error below 1e-3. If the error exceeds
    1e-2 on all of them, a warning says so.

    Parameters
    ----------
    pde : PDE
    first : Prepared
        Prepared solver, which does not warn itself.
    """

    def __init__(self, pde: PDE, first: Prepared):
        self._pde, self._first = pde, first

    def solve(
        self,
        rhs: Array | None = None,
        /,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Solve for `rhs`; see `ritz.solver.Prepared.solve`. With a right-hand side or start, the grid is kept."""
        controls: dict[str, Any] = {"rtol": rtol, "atol": atol, "progress": progress}
        best = self._first.solve(rhs, x0=x0, maxiter=maxiter, callback=callback, **controls)
        if _resolved(best) or not best.converged:
            return best
        first, failed = best, [_failure(best)]
        prepare, solve = best.timings["prepare"], best.timings["solve"]
        waiting = self._others(first) if rhs is None and x0 is None and maxiter is None else []
        while waiting and (best is first or not _resolved(best, DOUBTED)):
            name, options = waiting.pop(0)
            try:
                prepared = quiet(make_solver(name, options).prepare(self._pde))
                found = prepared.solve(callback=callback, **controls)
            except RitzError as error:  # a PDE that the solver does not take
                failed.append(f"{name}: {error}")
                continue
            prepare, solve = prepare + found.timings["prepare"], solve + found.timings["solve"]
            if found.status is Status.INTERRUPTED:
                break
            if found.converged and _error(found) < _error(best):
                reason = f"{name}: resolves more than {first.solver}"
                best = replace(found, stats={**found.stats, "chosen": reason})
            if not (found.converged and _resolved(found, DOUBTED)):
                failed.append(_failure(found))
                if not options:
                    waiting[:0] = self._finer(found)
        if not _resolved(best):
            warnings.warn(best.stats["unresolved"], UserWarning, stacklevel=stacklevel())
        timings = {**best.timings, "prepare": prepare, "solve": solve}
        return replace(best, timings=timings, stats={**best.stats, "failed": tuple(failed)})

    def _others(self, first: Solution) -> list[tuple[str, dict[str, Any]]]:
        own = self._finer(first)
        return [*own, ("gp", {})] if first.solver == "chebyshev" else [("chebyshev", {}), ("gp", {}), *own]

    def _finer(self, found: Solution) -> list[tuple[str, dict[str, Any]]]:
        """Return the solver of a solution with as many unknowns as it says are needed, unless these are too many."""
        shape = found.stats.get("shape")
        needed = found.stats.get("needed") or (None if shape is None else tuple(3 * count // 2 for count in shape))
        if needed is None or math.prod(needed) > MOST[self._pde.dimension]:
            return []
        return [(found.solver, {"shape": tuple(count + count // 10 for count in needed)})]


def quiet(prepared: Prepared) -> Prepared:
    """Return a prepared solver that does not warn of large discretisation errors, if it is one that does."""
    if is_dataclass(prepared) and not isinstance(prepared, type) and hasattr(prepared, "warns"):
        return replace(prepared, warns=False)  # pyright: ignore
    return prepared


def _error(solution: Solution) -> float:
    return solution.stats.get("discretisation_error", float("inf"))


def _resolved(solution: Solution, bound: float = LARGE) -> bool:
    return not solution.stats.get("discretisation_error", 0.0) > bound


def _failure(solution: Solution) -> str:
    if not solution.converged:
        return f"{solution.solver}: {solution.status.name}"
    return f"{solution.solver}: discretisation error {_error(solution):.1e}"
