"""Solution of a sequence of linear systems, step by step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from typing import Any

from ritz.backend import Array
from ritz.errors import ConvergenceError
from ritz.problem_types.linear_system import SystemSequence
from ritz.sequences.extrapolation import Extrapolation
from ritz.solution import Solution
from ritz.solver import Prepared

__all__ = ["Trajectory", "march"]

DIRECT = 1  # solvers that take at most this many iterations gain nothing from a starting vector
SMALL = 2000  # number of unknowns below which extrapolation takes as long as the iterations it saves


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Solution):
    """The solution of a `SystemSequence`.

    The fields of `Solution` are those of the last step. The sequence ends early with a step that does not converge.
    Each step starts from an extrapolation of previous solutions (`ritz.sequences.extrapolation.Extrapolation`);
    ``stats["guesses"]`` lists the kind of each starting vector and ``stats["iterations"]`` the iterations of each step.

    Parameters
    ----------
    steps : tuple of Solution
        The solution of each step that was solved.
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
        """Return the trajectory itself if it has converged; otherwise raise `ConvergenceError`, which carries it.

        The message names the step that failed.
        """
        try:
            super().raise_for_status()
        except ConvergenceError as error:
            raise ConvergenceError(f"step {len(self.steps)}: {error}", self) from None
        return self


def march(sequence: SystemSequence, prepared: Prepared, x0: Array | None, controls: dict[str, Any]) -> Trajectory:
    """Solve the systems of a sequence with a prepared solver, until one of them does not converge."""
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
