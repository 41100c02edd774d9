"""One call that solves."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ritz.backend import Array
from ritz.errors import ConvergenceError, InvalidProblem
from ritz.extrapolation import Extrapolation
from ritz.problem import LinearSystem, SystemSequence
from ritz.registry import solvers
from ritz.solution import Solution
from ritz.solver import Callback, Prepared, Solver, make_solver

__all__ = ["Trajectory", "first_system", "read_arguments", "seeded_solver", "solve", "solve_prepared"]

DIRECT = 1  # iterations of a solver that a starting vector does not help
SMALL = 2000  # unknowns below which extrapolating takes as long as the iterations it saves


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Solution):
    """The solution of a `SystemSequence`: the fields are those of its last step, with these besides.

    A step that does not converge is the last one. Each step starts from what the solutions before it lead to expect
    (`ritz.extrapolation.Extrapolation`); ``stats["guesses"]`` says how, and ``stats["iterations"]`` what each took.

    Parameters
    ----------
    steps : tuple of Solution
        One for each step that was solved.
    state : object
        The state after the last step.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> matrix = ritz.operators.aslinearoperator(2.0 * np.eye(1))
    >>> sequence = ritz.SystemSequence(matrix, np.ones(1), lambda u: u, lambda u, x: x, steps=3)
    >>> len(ritz.solve(sequence, "cg").steps)
    3
    """

    steps: tuple[Solution, ...] = ()
    state: Any = field(default=None, repr=False)

    def raise_for_status(self) -> Trajectory:
        """Return the trajectory itself, or raise `ConvergenceError` (which carries it), naming the step that failed."""
        try:
            super().raise_for_status()
        except ConvergenceError as error:
            raise ConvergenceError(f"step {len(self.steps)}: {error}", self) from None
        return self


def solve(
    problem: Any,
    *arguments: Any,
    solver: str | Solver | None = None,
    rtol: float = 1e-8,
    atol: float = 0.0,
    maxiter: int | None = None,
    x0: Array | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    throw: bool = True,
    seed: int | None = None,
    **options: Any,
) -> Solution:
    """Solve a problem: ``solve(problem, solver="auto")`` or ``solve(A, b, solver="auto")``.

    Parameters
    ----------
    problem : problem object, or a matrix or operator
    *arguments : array, then str or Solver
        The right-hand side where `problem` is a matrix or operator, then the solver.
    solver : str or Solver, optional
        A registered name, or a solver object with its options; by position or by name. ``"auto"``, the default,
        picks one by the table of `ritz.solvers.auto`.
    rtol, atol : float
        Stop when ``||b - A x|| <= max(rtol ||b||, atol)``, in the Euclidean norm and for every column.
    maxiter : int, optional
        Iteration limit; the solver's own if None.
    x0 : array, optional
        Starting vector, of the shape of the right-hand side; zero if None.
    callback : callable, optional
        ``callback(iteration, x, residual) -> stop?``. A true result ends the solve as INTERRUPTED.
    progress : bool
        Show a progress line once a solve has taken two seconds.
    throw : bool
        Raise `ConvergenceError` if the tolerance is not met; otherwise return the solution with its status.
    seed : int, optional
        For solvers that make random choices.
    **options
        The solver's own options, such as ``preconditioner="smoothed-aggregation"``.

    Returns
    -------
    Solution
        A `Trajectory` for a `SystemSequence`.

    Raises
    ------
    InvalidProblem
        Bad input, or a problem the solver cannot take; before any long computation.
    UnknownName, UnknownOption
        Naming close matches.
    TypeError
        For more arguments than a problem and a solver, or A, b and a solver.
    ConvergenceError
        Carries ``.solution``, the best iterate; only with ``throw=True``.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([1.0, 1.0])).x.round(12).tolist()
    [0.5, 0.25]
    """
    problem, positional = read_arguments(problem, arguments, default=None)
    if solver is not None and positional is not None:
        raise TypeError(f"solver is given twice: {positional!r} by position and {solver!r} by name")
    made = seeded_solver(solver or positional or "auto", seed, options)
    controls: dict[str, Any] = {
        "rtol": rtol,
        "atol": atol,
        "maxiter": maxiter,
        "callback": callback,
        "progress": progress,
    }
    prepared = made.prepare(first_system(problem))
    solution = solve_prepared(problem, prepared, x0, controls)
    return solution.raise_for_status() if throw else solution


def read_arguments(problem: Any, arguments: tuple[Any, ...], default: Any = "auto") -> tuple[Any, Any]:
    """Return the problem, and the solver (or solvers) or `default`, from positional arguments.

    Raises
    ------
    InvalidProblem
        If `problem` is a matrix without a right-hand side, or a problem object is given another one.
    TypeError
        For too many arguments.
    """
    rest = list(arguments)
    given = type(problem).__name__
    if not _is_problem(problem):
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
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_names_solvers(item) for item in value)
    return isinstance(value, (str, Solver))


def first_system(problem: Any) -> Any:
    """Return what a solver prepares for: the first system of a sequence, and any other problem itself."""
    return problem.first() if isinstance(problem, SystemSequence) else problem


def solve_prepared(problem: Any, prepared: Prepared, x0: Array | None, controls: dict[str, Any]) -> Solution:
    """Solve a problem, or every system of a sequence, with a solver that has been prepared for it."""
    if isinstance(problem, SystemSequence):
        return _march(problem, prepared, x0, controls)
    return prepared.solve(x0=x0, **controls)


def _is_problem(problem: Any) -> bool:
    if isinstance(problem, SystemSequence):
        return True
    return any(isinstance(problem, solvers[name].solves) for name in solvers.names() if name != "auto")


def seeded_solver(solver: str | Solver, seed: int | None, options: dict[str, Any]) -> Solver:
    """Return a solver from its name and options, or `solver` itself, with `seed` where it takes one."""
    made = make_solver(solver, options)
    if seed is not None and any(option.name == "seed" for option in fields(made)):  # pyright: ignore
        made = replace(made, seed=seed)  # pyright: ignore
    return made


def _march(sequence: SystemSequence, prepared: Prepared, x0: Array | None, controls: dict[str, Any]) -> Trajectory:
    start = time.perf_counter()
    steps: list[Solution] = []
    guesses: list[str] = []
    extrapolation: Extrapolation | None = None

    def answer(rhs: Array) -> Array:
        nonlocal extrapolation
        guess, kind = x0, "zero" if x0 is None else "given"
        if extrapolation is not None:
            guess, kind = extrapolation.guess(rhs)
        elif steps:
            guess, kind = steps[-1].x, "previous"
        guesses.append(kind)
        steps.append(prepared.solve(rhs, x0=guess, **controls))
        if len(steps) == 1 and steps[0].iterations > DIRECT and steps[0].x.shape[0] >= SMALL:
            extrapolation = Extrapolation(steps[0].x)
        if extrapolation is not None:
            extrapolation.append(steps[-1].x, rhs, steps[-1].residual)
        return steps[-1].x

    state = sequence.state
    for reached, _ in sequence.march(answer):
        state = reached
        if not steps[-1].converged:
            break
    last = steps[-1]
    shared = {option.name: getattr(last, option.name) for option in fields(Solution)}
    shared["grid"] = sequence.grid
    shared["timings"] = {"prepare": last.timings["prepare"], "solve": time.perf_counter() - start}
    shared["iterations"] = last.iterations
    shared["stats"] = {**last.stats, "iterations": [step.iterations for step in steps], "guesses": guesses}
    return Trajectory(**shared, steps=tuple(steps), state=state)
