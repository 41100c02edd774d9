"""SciPy's Krylov methods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_integer
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .peer import IterationLog, Peer, PreparedPeer, peer_matrix, prepare_peer

__all__ = ["ScipyBicgstab", "ScipyCg", "ScipyGmres", "ScipyMinres"]


@register("scipy-cg")
@dataclass(frozen=True)
class ScipyCg:
    """``scipy.sparse.linalg.cg``.

    Residual norms are those of SciPy's recurrence, intercepted in the preconditioner at the cost of one norm each. With
    a callback, they are recomputed from the iterates.

    Parameters
    ----------
    preconditioner : anything `ritz.solvers.preconditioners.build_preconditioner` takes

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0]), "scipy-cg").x.round(4).tolist()
    [0.0909, 0.6364]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Form the matrix and the preconditioner."""

        def prepare(operator: Operator) -> tuple[Any, Peer, Mapping[str, Any]]:
            from scipy.sparse.linalg import LinearOperator, cg

            matrix, M, stats = _parts(operator, "scipy-cg", self.preconditioner)
            make: Any = LinearOperator

            def peer(
                log: IterationLog, x0: np.ndarray, tolerance: float, limit: int
            ) -> tuple[np.ndarray, Status | None]:
                controls: dict[str, Any] = {"rtol": 0.0, "atol": tolerance, "maxiter": limit}
                if log.callback is not None:
                    return cg(matrix, log.rhs, x0, M=M, callback=log.iterate, **controls)[0], None

                def see(residual: np.ndarray) -> np.ndarray:
                    log.norms[-1] = math.sqrt(residual.dot(residual))
                    return residual if M is None else M @ residual

                def count(x: np.ndarray) -> None:
                    log.record(float("nan"), x)  # set by `see`, which is called next, or by the true residual

                shown = make(operator.shape, matvec=see, dtype=operator.dtype)
                return cg(matrix, log.rhs, x0, M=shown, callback=count, **controls)[0], None

            return matrix, peer, stats

        return prepare_peer(self, problem, prepare)


@register("scipy-minres")
@dataclass(frozen=True)
class ScipyMinres:
    """``scipy.sparse.linalg.minres``, stopped by the true residual.

    SciPy's own rule compares the residual with ``||A|| ||x||`` and accepts a small ``||A r||`` as success, so it is not
    used. The products for the residual norms do not count towards the reported time.

    Parameters
    ----------
    preconditioner : anything `ritz.solvers.preconditioners.build_preconditioner` takes

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.diag([1.0, -2.0]), np.array([1.0, 2.0]), "scipy-minres").x.round(6).tolist()
    [1.0, -1.0]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Form the matrix and the preconditioner."""

        def prepare(operator: Operator) -> tuple[Any, Peer, Mapping[str, Any]]:
            from scipy.sparse.linalg import minres

            matrix, M, stats = _parts(operator, "scipy-minres", self.preconditioner)

            def peer(
                log: IterationLog, x0: np.ndarray, tolerance: float, limit: int
            ) -> tuple[np.ndarray, Status | None]:
                def stop(x: np.ndarray) -> None:
                    log.iterate(x)
                    if log.norms[-1] <= log.target:
                        raise ToleranceMet

                try:
                    return minres(matrix, log.rhs, x0, rtol=0.0, maxiter=limit, M=M, callback=stop)[0], None
                except ToleranceMet:
                    return log.x, None
                except ValueError:  # a negative square, caused by the preconditioner
                    return log.x, Status.INDEFINITE

            return matrix, peer, stats

        return prepare_peer(self, problem, prepare)


@register("scipy-bicgstab")
@dataclass(frozen=True)
class ScipyBicgstab:
    """``scipy.sparse.linalg.bicgstab``.

    The products for the residual norms do not count towards the reported time.

    Parameters
    ----------
    preconditioner : anything `ritz.solvers.preconditioners.build_preconditioner` takes

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([3.0, 1.0]), "scipy-bicgstab").x.round(6).tolist()
    [1.0, 1.0]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Form the matrix and the preconditioner."""

        def prepare(operator: Operator) -> tuple[Any, Peer, Mapping[str, Any]]:
            from scipy.sparse.linalg import bicgstab

            matrix, M, stats = _parts(operator, "scipy-bicgstab", self.preconditioner)

            def peer(
                log: IterationLog, x0: np.ndarray, tolerance: float, limit: int
            ) -> tuple[np.ndarray, Status | None]:
                controls: dict[str, Any] = {"rtol": 0.0, "atol": tolerance, "maxiter": limit}
                x, info = bicgstab(matrix, log.rhs, x0, M=M, callback=log.iterate, **controls)
                if info == 0 and log.norms[-1] > tolerance:  # it stopped half-way through an iteration
                    log.iterate(x)
                return x, Status.BREAKDOWN if info < 0 else None

            return matrix, peer, stats

        return prepare_peer(self, problem, prepare)


@register("scipy-gmres")
@dataclass(frozen=True)
class ScipyGmres:
    """``scipy.sparse.linalg.gmres``, restarted.

    Residual norms are the method's own. A callback receives the iterate at the last restart, since SciPy does not form
    those in between.

    Parameters
    ----------
    restart : int
        Number of iterations between restarts, and of stored vectors. The default is SciPy's.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([3.0, 1.0]), "scipy-gmres").x.round(6).tolist()
    [1.0, 1.0]
    """

    restart: int = 20
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_integer("restart", self.restart)

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Form the matrix."""

        def prepare(operator: Operator) -> tuple[Any, Peer, Mapping[str, Any]]:
            from scipy.sparse.linalg import gmres

            def peer(
                log: IterationLog, x0: np.ndarray, tolerance: float, limit: int
            ) -> tuple[np.ndarray, Status | None]:
                x, scale = x0, float(np.linalg.norm(log.rhs))
                stop = limit + len(log.norms)
                while True:
                    remaining = stop - len(log.norms)
                    restart = min(self.restart, remaining)
                    # One cycle per call if a callback needs its iterate, otherwise as many as fit.
                    cycles = 1 if log.callback is not None else remaining // restart
                    start = x
                    x, info = gmres(
                        *(matrix, log.rhs, start),
                        **{"rtol": 0.0, "atol": tolerance, "restart": restart, "maxiter": cycles},
                        callback=lambda relative, start=start: log.record(float(relative) * scale, start),
                        callback_type="pr_norm",
                    )
                    if info == 0 or len(log.norms) >= stop:
                        return x, None

            matrix = peer_matrix(operator, "solver 'scipy-gmres'")
            return matrix, peer, {"restart": self.restart}

        return prepare_peer(self, problem, prepare)


class ToleranceMet(Exception):
    """Raised in a callback when the true residual meets the tolerance."""


def _parts(operator: Operator, name: str, preconditioner: PreconditionerLike) -> tuple[Any, Any, Mapping[str, Any]]:
    inverse, stats = build_preconditioner(preconditioner, operator)
    matrix = peer_matrix(operator, f"solver {name!r}")
    return matrix, None if inverse is None else inverse.to_scipy(), stats
