"""The solver for evolution equations."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice, check_flag, check_integer, check_number
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.evolution.evolution import Evolution
from ritz.problem_types.evolution.trajectory import EvolutionTrajectory
from ritz.registry import register
from ritz.solver import Controls, PreparedSolver, Solver, check_pairing, make_solver, registered_name

from .backward_differences import BackwardDifferences
from .checkpoint import Checkpoint
from .events import Event, check_events
from .implicit_reaction import ImplicitReaction
from .integration import Integration, Settings
from .runge_kutta import RungeKutta
from .shifted_systems import ShiftedSystems

__all__ = ["TimeStepping"]

METHODS = ("auto", "imex", "sdirk", "bdf2")
STIFF = 1e4  # rate of the reaction, times the interval of time, from which it is implicit


@register("time-stepping")
@dataclass(frozen=True)
class TimeStepping:
    """Follow an evolution equation in time, with steps chosen by an estimate of their error.

    The linear part is implicit, by an L-stable method; its systems are solved by the solver that suits the operator
    (transforms, multigrid, ...), prepared once for each step size. Step sizes differ by powers of √2, so that prepared
    solvers are used again. `rtol` and `atol` bound the error of a step in each field, in the root mean square over its
    unknowns: ``rtol ||u|| + atol sqrt(n)`` in the Euclidean norm. ``callback(step, u, t) -> stop?`` is called
    after each step.

    Parameters
    ----------
    method : {"auto", "imex", "sdirk", "bdf2"}
        ``"imex"``: additive Runge-Kutta, with the reaction explicit. ``"sdirk"``: the same with everything implicit, by
        Newton's method. ``"bdf2"``: two-step backward differences, with the reaction extrapolated, or implicit if
        `implicit_reaction` is set. ``"auto"`` takes sdirk for linear equations and for reactions that are stiff at the
        start, and otherwise imex; ``stats["chosen"]`` says which and why.
    order : {2, 3, 4}
        Order of the Runge-Kutta methods.
    implicit_reaction : bool
        Whether ``"bdf2"`` treats the reaction implicitly.
    step : float, optional
        Constant step size, without error control. By default, steps follow the tolerances.
    first_step, max_step : float, optional
        First and largest step size.
    linear_solver : str or Solver, optional
        Solver for the systems of the implicit stages. By default transforms on boxes; with obstacles or coefficients
        conjugate gradients, plain for the shortest steps and with multigrid for long ones; and otherwise ``"auto"``.
    events : sequence of callable
        ``event(t, u) -> float``: its zeros are reported in ``trajectory.events``. Attributes ``terminal`` (stop there)
        and ``direction`` (1 for rising, -1 for falling) as in SciPy.
    dense : bool
        Whether to keep all steps, so that ``trajectory.at(t)`` takes any time; two states for each step.
    checkpoint : path, optional
        File from which the run continues if it exists, exactly as if it had not been interrupted; it is written every
        `checkpoint_every` steps and at the end.
    checkpoint_every : int
        Steps between two writes.

    Raises
    ------
    InvalidProblem
        For options out of range, or a checkpoint of another problem.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> from ritz.operators import Stencil
    >>> rod = ritz.problem_types.Evolution(
    ...     Stencil(63, spacing=1 / 63), np.ones(63), times=[0, 0.1], reaction=lambda t, u: u - u**3
    ... )
    >>> trajectory = ritz.solve(rod, method="imex", order=3)
    >>> trajectory.converged, trajectory.stats["method"]
    (True, 'imex')
    """

    method: str = "auto"
    order: int = 4
    implicit_reaction: bool = False
    step: float | None = None
    first_step: float | None = None
    max_step: float | None = None
    linear_solver: str | Solver | None = None
    events: Sequence[Callable[[float, np.ndarray], float]] = ()
    dense: bool = False
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_every: int = 50
    solves: ClassVar[type] = Evolution
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_choice("method", self.method, METHODS)
        check_integer("order", self.order, least=2, most=4)
        for name in ("implicit_reaction", "dense"):
            check_flag(name, getattr(self, name))
        for name in ("step", "first_step", "max_step"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), above=0.0)
        check_integer("checkpoint_every", self.checkpoint_every)
        if self.implicit_reaction and self.method != "bdf2":
            raise InvalidProblem("implicit_reaction is an option of method='bdf2'; use method='sdirk' for the others")
        check_events(self.events)

    def prepare(self, problem: Evolution) -> PreparedTimeStepping:
        """Choose the method; solvers for the stages are prepared when their step size is known."""
        start = time.perf_counter()
        check_pairing(self, problem)
        # Compiled loops and SciPy round differently, so a run must not change from one to the other on its way.
        importlib.import_module("ritz.kernels.parallel_chunks")
        made = None if self.linear_solver is None else make_solver(self.linear_solver, {})
        method, why = (self.method, "as asked for") if self.method != "auto" else _choose(problem)
        stats: dict[str, Any] = {"method": method, "chosen": f"{method}: {why}"}
        if method != "bdf2":
            stats["order"] = self.order
        return PreparedTimeStepping(
            self, problem, method, made, registered_name(self), time.perf_counter() - start, stats
        )


def _choose(problem: Evolution) -> tuple[str, str]:
    if problem.reaction is None:
        return "sdirk", "linear"
    t, u = float(problem.times[0]), problem.initial
    span = float(problem.times[-1]) - t
    here = np.asarray(problem.reaction(t, u))
    direction = np.random.default_rng(0).choice([-1.0, 1.0], u.shape)
    size = 1e-7 * (float(np.linalg.norm(u)) / u.size**0.5 or 1.0)
    with np.errstate(all="ignore"):
        change = np.asarray(problem.reaction(t, u + size * direction)) - here
        speed = float(np.linalg.norm(change)) / (size * u.size**0.5)
    if np.isfinite(speed) and speed * span > STIFF:
        return "sdirk", f"the reaction is stiff, with rates of {speed:.1e}"
    return "imex", "the reaction is not stiff at the start"


@dataclass(frozen=True, eq=False)
class PreparedTimeStepping(PreparedSolver[EvolutionTrajectory]):
    """An evolution equation with its method, ready to be followed from its initial state or another one."""

    options: TimeStepping
    evolution: Evolution
    method: str
    linear_solver: Solver | None
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> EvolutionTrajectory:
        options, evolution = self.options, self.evolution
        if rhs is not None:
            raise InvalidProblem("an evolution has no right-hand side to replace: give another forcing, or x0")
        start = evolution.initial if x0 is None else evolution.check_state("x0", x0)
        systems = ShiftedSystems(evolution, self.linear_solver)
        implicit = self.method == "sdirk" or options.implicit_reaction
        newton = ImplicitReaction(systems) if implicit and evolution.reaction is not None else None
        stepper = (
            BackwardDifferences(systems, newton)
            if self.method == "bdf2"
            else RungeKutta(systems, options.order, newton)
        )
        settings = Settings(
            controls.rtol,
            controls.atol,
            controls.limit(1_000_000),
            options.step,
            options.first_step,
            options.max_step,
            options.dense,
        )
        checkpoint = None
        if options.checkpoint is not None:
            labels = {"method": self.method, "order": options.order, **vars(settings)}
            checkpoint = Checkpoint(options.checkpoint, options.checkpoint_every, evolution, start, labels)
        events = [Event(function) for function in options.events]
        run = Integration(evolution, stepper, settings, events, newton)
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            trajectory = run.run(start, controls, checkpoint)
        stats = {
            **trajectory.stats,
            "linear solvers": sorted(systems.used),
            "prepared": systems.prepared_count,
            "linear iterations": systems.iterations,
        }
        if newton is not None:
            stats["factorisations"], stats["newton iterations"] = newton.factorisations, newton.iterations
        return replace(trajectory, stats=stats)
