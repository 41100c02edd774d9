"""The explicit and implicit steppers of py-pde, on the same discretisation in space."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import without_warnings
from ritz.errors import InvalidProblem
from ritz.extras import require
from ritz.operators import Tag
from ritz.problem_types.evolution.evolution import Evolution
from ritz.problem_types.evolution.trajectory import EvolutionTrajectory
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import Controls, PreparedSolver, check_pairing, registered_name

from .scipy_solve_ivp import peer_trajectory

__all__ = ["PyPde"]

SCHEMES = ("runge-kutta", "euler")


@register("py-pde")
@dataclass(frozen=True)
class PyPde:
    """py-pde's explicit steppers with adaptive steps :cite:`Zwicker2020`; needs the extra ``py-pde``.

    The rates are those of the problem, which are compiled products and NumPy. py-pde's `tolerance` bounds the error of
    a step in absolute terms; it is `rtol` times the largest initial value.

    Parameters
    ----------
    scheme : {"runge-kutta", "euler"}
        Fehlberg's Runge-Kutta method of order 4(5), or Euler's.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> decay = ritz.problem_types.Evolution(np.eye(4), np.ones(4), times=[0.0, 1.0])
    >>> ritz.solve(decay, "py-pde", rtol=1e-6).x.round(4).tolist()  # doctest: +SKIP
    [0.3679, 0.3679, 0.3679, 0.3679]
    """

    scheme: str = "runge-kutta"
    solves: ClassVar[type] = Evolution
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_choice("scheme", self.scheme, SCHEMES)

    def prepare(self, problem: Evolution) -> PreparedPyPde:
        """Check that py-pde is installed."""
        start = time.perf_counter()
        check_pairing(self, problem)
        require("pde", "py-pde", "py-pde")
        return PreparedPyPde(problem, self.scheme, registered_name(self), time.perf_counter() - start)


@dataclass(frozen=True, eq=False)
class PreparedPyPde(PreparedSolver[EvolutionTrajectory]):
    """An evolution as py-pde takes it."""

    evolution: Evolution
    scheme: str
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> EvolutionTrajectory:
        pde = require("pde", "py-pde", "py-pde")
        evolution = self.evolution
        if rhs is not None:
            raise InvalidProblem("an evolution has no right-hand side to replace: give another forcing, or x0")
        start = evolution.initial if x0 is None else evolution.check_state("x0", x0)
        times, counted = np.asarray(evolution.times), [0]
        grid = pde.UnitGrid([evolution.size])

        class Rates(pde.PDEBase):
            def evolution_rate(self, state: Any, t: float = 0.0) -> Any:
                counted[0] += 1
                if controls.callback is not None and controls.callback(counted[0], state.data, t):
                    raise KeyboardInterrupt
                result = state.copy()
                result.data[...] = evolution.rate(t, state.data.reshape(evolution.shape)).reshape(state.data.shape)
                return result

        stepper: Any = {"runge-kutta": pde.RungeKuttaSolver, "euler": pde.EulerSolver}[self.scheme]
        names = list(evolution.fields)
        state: Any = pde.FieldCollection([pde.ScalarField(grid, row) for row in start.reshape(len(names), -1)])
        equation = Rates()
        tolerance = controls.rtol * (float(np.abs(start).max()) or 1.0)
        states, status = [start.copy()], Status.CONVERGED
        try:
            with np.errstate(all="ignore"), without_warnings():
                for before, after in itertools.pairwise(times):
                    solver = stepper(equation, adaptive=True, tolerance=tolerance, backend="numpy")
                    controller = pde.Controller(solver, t_range=(before, after), tracker=None)
                    state = controller.run(state, dt=1e-3 * (after - before))
                    if not controller.info["successful"]:  # py-pde catches Ctrl-C, and returns where it was
                        raise KeyboardInterrupt
                    states.append(np.array(state.data).reshape(evolution.shape))
                    if not np.isfinite(states[-1]).all():
                        states.pop()
                        status = Status.NON_FINITE
                        break
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        except RuntimeError:  # the step became too small, or the state not finite
            status = Status.STEP_TOO_SMALL
        return peer_trajectory(
            evolution, np.stack(states), times[: len(states)], status, counted[0], {"scheme": self.scheme}
        )
