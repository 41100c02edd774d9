"""Regression in the l_1 and l_inf norms as a linear program, solved by SciPy's HiGHS."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import block_array, csc_array, diags_array, eye_array, issparse

from ritz.arguments import check_choice
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.lp_regression import LpRegression
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.regression.column_space.column_basis import ColumnBasis, column_basis
from ritz.solvers.regression.column_space.unlike_rows import largest_entries, powers_of_two
from ritz.solvers.regression.lp.solver import PreparedLp

__all__ = ["LpHighs"]


@register("lp-highs")
@dataclass(frozen=True)
class LpHighs:
    r"""Minimise :math:`\|Ax-b\|_p` for p = 1 or inf with SciPy's HiGHS :cite:`HuangfuHall2018`.

    For p = 1 the program is :math:`\min1^T(u+v)` with :math:`Ax+u-v=b`; for p = inf it is :math:`\min t` with
    :math:`|Ax-b|\le t`. The multipliers that HiGHS returns yield the duality gap, which is checked as for ``lp``. No
    iterates are available: a callback sees the starting vector and the answer. Intended for comparisons; ``lp`` is
    faster.

    Parameters
    ----------
    method : {"highs", "highs-ds", "highs-ipm"}
        HiGHS's own choice, the dual simplex method or the interior-point method.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> problem = ritz.LpRegression(np.ones((3, 1)), np.array([1.0, 2.0, 9.0]), p=1)
    >>> ritz.solve(problem, "lp-highs").x.round(12).tolist()
    [2.0]
    """

    method: str = "highs"

    solves: ClassVar[type] = LpRegression
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LpRegression) -> PreparedLp:
        """Check that p is 1 or inf."""
        start = time.perf_counter()
        check_pairing(self, problem)
        check_choice("method", self.method, ("highs", "highs-ds", "highs-ipm"))
        if problem.p not in (1.0, math.inf):
            raise InvalidProblem(f"p is {problem.p:g}; only p = 1 and inf are linear programs, use solver 'lp'")
        steps = partial(linear_program, problem.matrix, self.method)
        basis = column_basis(problem.matrix)
        return PreparedLp(problem, basis, steps, registered_name(self), time.perf_counter() - start)


def linear_program(
    A: Any, method: str, basis: ColumnBasis, b: np.ndarray, p: float, z: np.ndarray
) -> Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]:
    """Yield the starting vector and then HiGHS's answer, each as coordinates, residual and dual vector."""
    from scipy.optimize import linprog

    r = b - basis.apply(z)
    yield z, r, r
    n, d = A.shape
    units = powers_of_two(largest_entries(A)[1])  # HiGHS takes small entries for zeros
    scaled = A @ diags_array(1.0 / units) if issparse(A) else A / units
    dense, one = not issparse(A), eye_array(n, format="csc")
    ones = np.ones((n, 1))
    if p == 1.0:
        cost = np.concatenate([np.zeros(d), np.ones(2 * n)])
        rows = block_array([[csc_array(scaled), one, -one]], format="csc")
        bounds = [(None, None)] * d + [(0.0, None)] * (2 * n)
        found = linprog(cost, A_eq=rows, b_eq=b, bounds=bounds, method=method)
    else:
        cost = np.append(np.zeros(d), 1.0)
        rows = (
            np.block([[scaled, -ones], [-scaled, -ones]])
            if dense
            else block_array([[scaled, -ones], [-scaled, -ones]], format="csc")
        )
        found = linprog(cost, A_ub=rows, b_ub=np.append(b, -b), bounds=(None, None), method=method)
    if found.x is None:
        return Status.STAGNATED
    z = basis.transpose(scaled @ found.x[:d])
    y = found.eqlin.marginals if p == 1.0 else found.ineqlin.marginals[:n] - found.ineqlin.marginals[n:]
    yield z, b - basis.apply(z), y
    return Status.STAGNATED
