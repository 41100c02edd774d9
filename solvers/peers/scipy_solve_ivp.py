"""SciPy's integrators of ordinary differential equations, on the same discretisation in space."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import without_warnings
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.evolution.evolution import Evolution
from ritz.problem_types.evolution.trajectory import EvolutionTrajectory
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import Controls, PreparedSolver, check_pairing, registered_name

__all__ = ["ScipySolveIvp", "peer_trajectory"]

METHODS = ("BDF", "Radau", "LSODA", "RK45", "DOP853")


@register("scipy-solve-ivp")
@dataclass(frozen=True)
class ScipySolveIvp:
    """``scipy.integrate.solve_ivp``, whose implicit methods get the Jacobian as a sparse matrix.

    SciPy's `atol` bounds the error of each unknown; if it is 0, a thousandth of `rtol` times the largest initial value
    is used, as a tolerance of zero stops at unknowns that vanish.

    Parameters
    ----------
    method : {"BDF", "Radau", "LSODA", "RK45", "DOP853"}
        Method of ``solve_ivp``. LSODA forms a dense Jacobian.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> decay = ritz.problem_types.Evolution(np.eye(1), np.ones(1), times=[0.0, 1.0])
    >>> ritz.solve(decay, "scipy-solve-ivp", rtol=1e-6).x.round(4).tolist()
    [0.3679]
    """

    method: str = "BDF"
    solves: ClassVar[type] = Evolution
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_choice("method", self.method, METHODS)

    def prepare(self, problem: Evolution) -> PreparedSolveIvp:
        """Form the linear part of the Jacobian."""
        start = time.perf_counter()
        check_pairing(self, problem)
        matrix = None
        if self.method in ("BDF", "Radau"):
            from scipy.sparse import block_diag, csc_array, diags_array

            blocks = [operator.to_sparse() for operator in problem.operators.values()]
            if problem.mass is not None:
                blocks = [diags_array(1.0 / problem.mass) @ block for block in blocks]
            matrix = -csc_array(block_diag(blocks))
        seconds = time.perf_counter() - start
        return PreparedSolveIvp(problem, self.method, matrix, registered_name(self), seconds)


@dataclass(frozen=True, eq=False)
class PreparedSolveIvp(PreparedSolver[EvolutionTrajectory]):
    """An evolution as ``solve_ivp`` takes it."""

    evolution: Evolution
    method: str
    matrix: Any
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> EvolutionTrajectory:
        from scipy.integrate import solve_ivp

        evolution = self.evolution
        if rhs is not None:
            raise InvalidProblem("an evolution has no right-hand side to replace: give another forcing, or x0")
        start = evolution.initial if x0 is None else evolution.check_state("x0", x0)
        shape, times = evolution.shape, np.asarray(evolution.times)
        options: dict[str, Any] = {}
        if self.matrix is not None:
            options["jac"] = self._jacobian
            if evolution.reaction is not None and evolution.jacobian is None:
                options["jac"] = None  # by differences
        counted = [0]

        def rate(t: float, u: np.ndarray) -> np.ndarray:
            counted[0] += 1
            if controls.callback is not None and controls.callback(counted[0], u.reshape(shape), t):
                raise KeyboardInterrupt
            return evolution.rate(t, u.reshape(shape)).ravel()

        scale = float(np.abs(start).max()) or 1.0
        status = Status.CONVERGED
        try:
            with np.errstate(all="ignore"), without_warnings():
                result: Any = solve_ivp(
                    rate,
                    (times[0], times[-1]),
                    start.ravel(),
                    method=self.method,
                    t_eval=times,
                    rtol=max(controls.rtol, 1e-13),
                    atol=controls.atol or 1e-3 * controls.rtol * scale,
                    **options,
                )
            states, reached = result.y.T.reshape(-1, *shape), result.t
            counts = {"evaluations": result.nfev, "factorisations": result.nlu}
            if not result.success:
                status = Status.STEP_TOO_SMALL
        except KeyboardInterrupt:
            states, reached, counts, status = start[None], times[:1], {}, Status.INTERRUPTED
        return peer_trajectory(evolution, states, reached, status, counted[0], {"method": self.method, **counts})

    def _jacobian(self, t: float, u: np.ndarray) -> Any:
        evolution = self.evolution
        if evolution.reaction is None:
            return self.matrix
        from scipy.sparse import block_array, csc_array, diags_array

        assert evolution.jacobian is not None
        derivative: Any = evolution.jacobian(t, u.reshape(evolution.shape))
        if isinstance(derivative, np.ndarray):
            blocks = derivative.reshape(len(evolution.fields), len(evolution.fields), evolution.size)
            derivative = block_array([[diags_array(entry) for entry in row] for row in blocks])
        return csc_array(self.matrix + derivative)


def peer_trajectory(
    evolution: Evolution, states: np.ndarray, times: np.ndarray, status: Status, count: int, stats: dict[str, Any]
) -> EvolutionTrajectory:
    """Return what another package computed; it reports no error estimates, so `residual` is that of a good run, 0."""
    if len(states) == 0:
        states, times = evolution.initial[None], np.asarray(evolution.times)[:1]
    return EvolutionTrajectory(
        x=states[-1].copy(),
        status=status,
        iterations=count,
        residual=0.0 if status is Status.CONVERGED else np.inf,
        history=np.zeros(count + 1),
        timings={},
        stats=stats,
        grid=evolution.grid,
        times=np.array(times),
        states=np.array(states),
        step_times=np.array(times),
        evolution=evolution,
    )
