"""Solution of the systems of implicit stages, with prepared solvers kept for the shifts in use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Diagonal, KroneckerSum, Operator, Sparse, Stencil, Tag
from ritz.problem_types.evolution.evolution import Evolution
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Status
from ritz.solver import Prepared, Solver, make_solver, registered_name
from ritz.solvers.direct.factorisation import PreparedFactorisation

__all__ = ["ShiftedSystems", "StepFailed", "shifted"]

SMALL = 2000  # unknowns up to which a matrix is factored without a closer look
KEPT = 6  # shifts whose prepared solvers are kept
SOLVES = 50  # solves expected with each
SHARE = 0.02  # error that a solve may leave, as a share of the error that a step may make


# Largest eigenvalue over the shift, as 2 |a_ii| estimates it, up to which a method beats the next one on a grid with
# obstacles or a varying coefficient.
CONDITION = {"cg": 4.0, "mic-cg": 200.0, "multigrid": np.inf}


class StepFailed(Exception):
    """Raised if a step cannot be completed, so that a shorter one is tried."""


def shifted(operator: Operator, shift: float, mass: np.ndarray | None) -> Operator:
    """Return ``A + shift M`` in the form that the fastest solver for A takes.

    Examples
    --------
    >>> shifted(Sparse([[2.0, -1.0], [-1.0, 2.0]]), 3.0, None).to_dense().tolist()
    [[5.0, -1.0], [-1.0, 5.0]]
    """
    if mass is None and isinstance(operator, Stencil):
        return operator.plus_identity(shift)
    if mass is None and isinstance(operator, KroneckerSum):
        first = operator.factors[0]
        return KroneckerSum(shifted(first, shift, None), *operator.factors[1:])
    diagonal = np.full(operator.shape[0], shift) if mass is None else shift * mass
    kept = operator.tags & {Tag.SYMMETRIC}
    if operator.tags & {Tag.POSITIVE_DEFINITE, Tag.SEMIDEFINITE}:
        kept |= {Tag.POSITIVE_DEFINITE}
    try:
        entries = operator.to_sparse()
    except InvalidProblem:  # known by its products alone
        return operator + Diagonal(diagonal)
    from scipy.sparse import diags_array

    matrix: Any = (entries + diags_array(diagonal)).tocsr()
    return Sparse(matrix, kept)


class ShiftedSystems:
    """The systems ``(A + shift M) u = b`` of each field, for changing shifts.

    A shift is the inverse of a step size, up to a factor. The prepared solvers of the last few shifts are kept, so that
    a step size that comes back costs nothing.

    Parameters
    ----------
    evolution : Evolution
    solver : Solver, optional
        Solver for the systems. If None, `suitable` names one for each shift.
    """

    def __init__(self, evolution: Evolution, solver: Solver | None):
        self.evolution, self.solver = evolution, solver
        self.prepared_count = self.iterations = 0
        self.used: set[str] = set()  # names of the solvers
        self._kept: OrderedDict[tuple[int, float], Prepared] = OrderedDict()

    def prepared(self, field: str, shift: float) -> Prepared:
        """Return the prepared solver of a field and shift."""
        operator = self.evolution.operators[field]
        key = (id(operator), shift)
        if key not in self._kept:
            self.prepared_count += 1
            while len(self._kept) >= KEPT * len(self.evolution.fields):
                self._kept.popitem(last=False)
            matrix = shifted(operator, shift, self.evolution.mass)
            system = LinearSystem(
                matrix, np.zeros(self.evolution.size), grid=self.evolution.grid, expected_solves=SOLVES
            )
            solver = self.solver or make_solver(suitable(operator, shift), {})
            self.used.add(registered_name(solver))
            self._kept[key] = solver.prepare(system)
        self._kept.move_to_end(key)
        return self._kept[key]

    def solve(self, shift: float, rhs: np.ndarray, guess: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return u with ``(A + shift M) u = M rhs`` for each field.

        Parameters
        ----------
        shift : float
        rhs, guess : ndarray of the shape of the state
        allowed : ndarray, shape (fields,)
            Norm of the error that a step may make in each field.

        Raises
        ------
        StepFailed
            If a solver does not converge.
        KeyboardInterrupt
            If it was interrupted.
        """
        evolution = self.evolution
        answer = np.empty(rhs.shape)
        rows = answer.reshape(-1, evolution.size), rhs.reshape(-1, evolution.size), guess.reshape(-1, evolution.size)
        smallest = 1.0 if evolution.mass is None else float(evolution.mass.min())
        for name, bound, row, b, start in zip(evolution.fields, allowed, *rows, strict=True):
            if evolution.mass is not None:
                b = b * evolution.mass
            if not np.isfinite(b).all():
                raise StepFailed
            # The smallest eigenvalue of the matrix is at least the shift times the smallest mass.
            tolerance = SHARE * shift * smallest * float(bound)
            prepared = self.prepared(name, shift)
            factors = _factors(prepared)
            if factors is not None:
                row[:] = factors(b)
                self.iterations += 1
                continue
            solution = prepared.solve(b, x0=start, rtol=1e-14, atol=tolerance)
            if solution.status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            reached = solution.residual * float(np.linalg.norm(b))
            if not solution.converged and not reached <= tolerance + 1e-12 * float(np.linalg.norm(b)):
                raise StepFailed
            self.iterations += solution.iterations
            row[:] = solution.x
        return answer


def _factors(prepared: Prepared) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return factors to be applied without a look at the residual, which would cost as much, or None."""
    if not isinstance(prepared, PreparedFactorisation) or prepared.failure is not None or prepared.kept is not None:
        return None
    return prepared.apply if type(prepared.system) is LinearSystem else None


def suitable(operator: Operator, shift: float) -> str:
    """Return the name of the solver for ``A + shift M``.

    Examples
    --------
    >>> suitable(Stencil((64, 64)), 1.0)
    'transform'
    """
    if isinstance(operator, KroneckerSum) or (isinstance(operator, Stencil) and operator.constant):
        return "transform"
    if isinstance(operator, Stencil):
        condition = 2.0 * float(np.abs(operator.diagonal()).max()) / shift
        return next(name for name, largest in CONDITION.items() if condition <= largest)
    return "lu" if operator.shape[0] <= SMALL else "auto"
