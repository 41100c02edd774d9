"""The function `ritz.solve`, and how its arguments are read."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ritz.arguments import Callback, check_seed
from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.problem_types.kinds import is_problem
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
from ritz.progress import shown_lines
from ritz.solution import Solution
from ritz.solver import Prepared, Solver, make_solver

__all__ = ["first_system", "read_arguments", "seeded_solver", "solve", "solve_prepared"]


def solve(
    problem: Any,
    *arguments: Any,
    solver: str | Solver | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    x0: Array | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    verbose: bool = False,
    throw: bool = True,
    seed: int | None = None,
    times: Any = None,
    nullspace: Any = None,
    **options: Any,
) -> Solution:
    """Solve a problem: ``solve(problem, solver="auto")`` or ``solve(A, b, solver="auto")``.

    Parameters
    ----------
    problem : problem object, or a matrix or operator
    *arguments : array, then str or Solver
        The right-hand side if `problem` is a matrix or operator, then optionally the solver.
    solver : str or Solver, optional
        A registered name, or a solver object with its options; may be given by position or by name. ``"auto"``, the
        default, chooses one as the table in `ritz.solvers.auto.auto` says.
    rtol, atol : float
        Stop when ``||b - A x|| <= max(rtol ||b||, atol)`` in the Euclidean norm, for every column of a block. In time,
        they bound the error of a step. By default rtol is 1e-8, and 1e-4 in time.
    maxiter : int, optional
        Iteration limit; that of the solver if None.
    x0 : array, optional
        Starting vector, of the same shape as the right-hand side; zero if None.
    callback : callable, optional
        ``callback(iteration, x, residual) -> stop?``. If it returns true, the solve ends as INTERRUPTED.
    progress : bool
        Whether to show a progress line once a solve has taken two seconds.
    verbose : bool
        Whether to write one line per iteration or step to standard error. The lines are those of ``ritz.logger``, of
        level INFO, which programs can send elsewhere by `logging`.
    throw : bool
        Whether to raise `ConvergenceError` if the tolerance is not met; otherwise the solution is returned, and its
        status says why.
    seed : int, optional
        Seed for solvers that make random choices.
    times : sequence of float, optional
        For a `PDE` or `PDESystem` with initial values: the initial time and those at which the solution is wanted. The
        option ``shape`` then sets the unknowns along each axis; see `ritz.solvers.time_stepping.TimeStepping` for the
        others.
    nullspace : array, shape (n,) or (n, k), optional
        Vectors that span the nullspace of a singular linear system; see `LinearSystem`.
    **options
        Options of the solver, such as ``preconditioner="smoothed-aggregation"``.

    Returns
    -------
    Solution
        The solution; a `Trajectory` for a `SystemSequence`, an `EvolutionTrajectory` with ``times``.

    Raises
    ------
    InvalidProblem
        If the input is invalid or the solver cannot take the problem; raised before any long computation.
    UnknownName, UnknownOption
        If there is no such solver or option; the message suggests close matches.
    TypeError
        If there are more positional arguments than a problem and a solver, or A, b and a solver.
    ConvergenceError
        If the tolerance is not met and `throw` is true; its ``.solution`` holds the best iterate.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([1.0, 1.0])).x.round(12).tolist()
    [0.5, 0.25]
    """
    problem, positional = read_arguments(problem, arguments, default=None)
    if solver is not None and positional is not None:
        raise TypeError(f"solver is given twice: {positional!r} by position and {solver!r} by name")
    if nullspace is not None:
        if not isinstance(problem, LinearSystem):
            raise InvalidProblem(f"nullspace belongs to a linear system, and the problem is a {type(problem).__name__}")
        problem = replace(problem, nullspace=nullspace)
    chosen = solver if solver is not None else positional
    if times is not None:
        problem = _in_time(problem, times, options)
    if chosen is None:
        chosen = getattr(problem, "default_solver", "auto")
    made = seeded_solver(chosen, seed, options)
    controls: dict[str, Any] = {
        "rtol": getattr(problem, "default_rtol", 1e-8) if rtol is None else rtol,
        "atol": atol,
        "maxiter": maxiter,
        "callback": callback,
        "progress": progress,
    }
    with shown_lines() if verbose else nullcontext():
        prepared = made.prepare(first_system(problem))
        solution = solve_prepared(problem, prepared, x0, controls)
    return solution.raise_for_status() if throw else solution


def _in_time(problem: Any, times: Any, options: dict[str, Any]) -> Any:
    """Return the evolution of a PDE or a system of them; takes ``shape`` out of the options."""
    if not hasattr(problem, "evolution"):
        raise InvalidProblem(f"times are given for a {type(problem).__name__}; only a PDE or PDESystem takes them")
    return problem.evolution(times, options.pop("shape", None))


def read_arguments(problem: Any, arguments: tuple[Any, ...], default: Any = "auto") -> tuple[Any, Any]:
    """Read positional arguments: return the problem, and the solver or solvers (`default` if there are none).

    Raises
    ------
    InvalidProblem
        If `problem` is a matrix without a right-hand side, or a problem object with a second right-hand side.
    TypeError
        If there are too many arguments.
    """
    rest = list(arguments)
    given = type(problem).__name__
    if not is_problem(problem):
        if not rest or rest[0] is None or _names_solvers(rest[0]):
            raise InvalidProblem(f"a {given} alone is not a problem: give A, b, or a problem object")
        problem = LinearSystem(problem, rest.pop(0))
    elif rest and not _names_solvers(rest[0]):
        raise InvalidProblem(
            f"a {type(rest[0]).__name__} is neither a registered name nor a solver object, and a {given} holds its"
            " right-hand side already: use problem.with_rhs(b) for another one"
        )
    if len(rest) > 1:
        raise TypeError(f"give a problem and a solver, or A, b and a solver; {len(rest) - 1} too many given")
    return problem, rest[0] if rest else default


def _names_solvers(value: Any) -> bool:
    if isinstance(value, np.ndarray):  # the check below takes as long as a small solve
        return False
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_names_solvers(item) for item in value)
    return isinstance(value, (str, Solver))


def first_system(problem: Any) -> Any:
    """Return the first system of a sequence, for which solvers are prepared, or any other problem itself."""
    return problem.first() if isinstance(problem, SystemSequence) else problem


def solve_prepared(problem: Any, prepared: Prepared, x0: Array | None, controls: dict[str, Any]) -> Solution:
    """Solve a problem, or every system of a sequence, with a prepared solver."""
    if isinstance(problem, SystemSequence):
        from ritz.sequences.trajectory import march

        return march(problem, prepared, x0, controls)
    solution = prepared.solve(x0=x0, **controls)
    return problem.interpret(solution) if hasattr(problem, "interpret") else solution


def seeded_solver(solver: str | Solver, seed: int | None, options: dict[str, Any]) -> Solver:
    """Return a solver from its name and options, or `solver` itself, with `seed` set if it has such an option."""
    seed = check_seed(seed, optional=True)
    made = make_solver(solver, options)
    if seed is not None and any(option.name == "seed" for option in fields(made)):  # pyright: ignore
        made = replace(made, seed=seed)  # pyright: ignore
    return made
