"""Shared parts of peers: the solver contract around another package's routine, with little overhead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ritz.arguments import Callback, default_maxiter
from ritz.backend import asarray_like, to_numpy, without_warnings
from ritz.errors import InvalidProblem
from ritz.iteration import LinearSystemTask, PreparedSystem, balanced
from ritz.operators import Dense, MatrixFree, Operator
from ritz.operators.sparse_entries import sparse_entries
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Solution, Status
from ritz.solver import Controls, Solver, check_pairing, registered_name

__all__ = ["IterationLog", "Peer", "PreparedPeer", "peer_matrix", "prepare_peer"]


class StopPeer(Exception):
    """Raised in a peer's callback to stop it."""


@dataclass(eq=False)
class IterationLog:
    """Record of a peer's iterations for one right-hand side, fed by its callbacks.

    Parameters
    ----------
    matrix : CSR array, ndarray or LinearOperator
    rhs : ndarray, shape (n,)
    target : float
        Residual norm to be reached.
    scale : float
        Norm by which residual norms are divided for the user.
    callback : callable or None
        The user's callback.

    Attributes
    ----------
    norms : list of float
        Residual norms, starting with that of the starting vector.
    x : ndarray
        Latest iterate, in the peer's own array.
    seconds : float
        Time spent on products for the record only, which does not count as the peer's.
    """

    matrix: Any
    rhs: np.ndarray
    target: float
    scale: float
    callback: Callable[[int, np.ndarray, float], Any] | None
    x: np.ndarray
    norms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def residual_norm(self, x: np.ndarray) -> float:
        """Return ``||b - A x||``."""
        return float(np.linalg.norm(self.rhs - self.matrix @ x))

    def iterate(self, x: np.ndarray) -> None:
        """Record an iterate and its true residual norm."""
        start = time.perf_counter()
        norm = self.residual_norm(x)
        self.seconds += time.perf_counter() - start
        self.record(norm, x)

    def record(self, norm: float, x: np.ndarray) -> None:
        """Record an iterate with a known residual norm, and ask the user's callback whether to stop."""
        self.x = x
        self.norms.append(norm)
        if self.callback is not None and self.callback(len(self.norms) - 1, x, norm / self.scale):
            raise StopPeer


Peer: TypeAlias = Callable[[IterationLog, np.ndarray, float, int], tuple[np.ndarray, Status | None]]
"""``peer(log, x0, tolerance, limit) -> (x, failure)``: iterates until the residual norm is below `tolerance`, for at
most `limit` iterations. It reports each iteration to `log`, must not modify `x0`, and returns the reason of a failure
or None."""


@dataclass(frozen=True, eq=False)
class PreparedPeer(PreparedSystem):
    """Another package's routine, ready for right-hand sides.

    The routine's own stopping rule is used. If it stops while the true residual is still too large, it is called again
    from there with half the tolerance, as long as that halves the residual. Blocks are solved column by column, each
    within ``min(10 n, 20000)`` iterations by default. No progress line is shown.

    Parameters
    ----------
    system : LinearSystem
    matrix : CSR array, ndarray or LinearOperator
        Matrix in the form that the peer uses for products.
    peer : Peer
    name, seconds, stats
        Registered name of the solver, seconds spent on preparation, and further statistics.
    """

    system: LinearSystem
    matrix: Any
    peer: Peer
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)
    limit: ClassVar[int | None] = 10  # SciPy compares squares of norms with fixed thresholds

    def _run(self, task: LinearSystemTask, controls: Controls) -> Solution:
        limit, callback = controls.limit(default_maxiter(self.system.size)), controls.callback
        b, x = to_numpy(task.consistent_rhs), np.array(to_numpy(task.start))
        block_b, block_x = b.reshape(len(b), -1), x.reshape(len(x), -1)
        histories: list[list[float]] = []
        status, uncharged = None, 0.0
        for j, (column, target) in enumerate(zip(block_b.T, task.targets, strict=True)):
            if status is Status.INTERRUPTED:
                histories.append([float(np.linalg.norm(column - self.matrix @ block_x[:, j]))])
                continue
            inform = None if callback is None else _informer(callback, x, j, task)
            scale = float(task.norms[j]) or 1.0
            guess = np.ascontiguousarray(block_x[:, j])
            log = IterationLog(self.matrix, np.ascontiguousarray(column), float(target), scale, inform, guess)
            block_x[:, j], ended = self._column(log, limit)
            status = ended or status
            histories.append(log.norms)
            uncharged += log.seconds
        history = [
            task.relative([norms[min(i, len(norms) - 1)] for norms in histories])
            for i in range(max(len(norms) for norms in histories))
        ]
        return task.finish(asarray_like(x, task.rhs), status, history, timings={"recording": uncharged})

    def _column(self, log: IterationLog, limit: int) -> tuple[np.ndarray, Status | None]:
        """Return the better of the starting vector and the peer's result, and the reason of a failure or None."""
        x, tolerance = log.x, log.target
        try:
            norm = log.residual_norm(x)
            log.record(norm, x)
            while norm > log.target:
                remaining = limit - (len(log.norms) - 1)
                if remaining <= 0:
                    return x, Status.MAX_ITERATIONS
                with np.errstate(all="ignore"), without_warnings():
                    y, failure = self.peer(log, x, tolerance, remaining)
                before, norm = norm, log.residual_norm(y)
                if not np.isfinite(norm):
                    return x, Status.NON_FINITE
                used_up = len(log.norms) - 1 >= limit
                if len(log.norms) > 1:
                    log.norms[-1] = norm
                if norm <= before:
                    x = y
                if norm > log.target and (failure or not norm <= 0.5 * before):
                    return x, failure or (Status.MAX_ITERATIONS if used_up else Status.STAGNATED)
                tolerance *= 0.5
        except (StopPeer, KeyboardInterrupt) as reason:
            x = np.array(log.x)
            log.norms[-1:] = [log.residual_norm(x)]
            done = isinstance(reason, StopPeer) and log.norms[-1] <= log.target
            return x, None if done else Status.INTERRUPTED
        return x, None


def _informer(
    callback: Callback, x: np.ndarray, column: int, task: LinearSystemTask
) -> Callable[[int, np.ndarray, float], Any]:
    """Adapt the user's callback to one column; it receives all columns so far, as arrays of the system's kind."""

    def inform(iteration: int, iterate: np.ndarray, residual: float) -> Any:
        if x.ndim == 1:
            return callback(iteration, asarray_like(iterate, task.rhs), residual)
        x[:, column] = iterate
        return callback(iteration, asarray_like(x, task.rhs), residual)

    return inform


def peer_matrix(operator: Operator, owner: str) -> Any:
    """Return the operator as its user would pass it to a peer: a CSR array, an ndarray or a LinearOperator."""
    if isinstance(operator, Dense):
        return operator.matrix
    if isinstance(operator, MatrixFree):
        return operator.to_scipy()
    try:
        return sparse_entries(operator, owner)
    except InvalidProblem:
        return operator.to_scipy()


def prepare_peer(
    solver: Solver, system: LinearSystem, prepare: Callable[[Operator], tuple[Any, Peer, Mapping[str, Any]]]
) -> PreparedPeer:
    """Check that `solver` takes `system`, call ``prepare(operator) -> (matrix, peer, statistics)``, and time it."""
    start = time.perf_counter()
    check_pairing(solver, system)
    system = balanced(system, probe=True)
    matrix, peer, stats = prepare(system.operator)
    return PreparedPeer(system, matrix, peer, registered_name(solver), time.perf_counter() - start, stats)
