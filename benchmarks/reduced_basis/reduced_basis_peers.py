"""pyMOR's reduced bases on the matrices and parameters of an affine problem, and the timing of calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ritz import Snapshots

__all__ = ["measure_pymor", "relative_errors", "timed"]


def timed(call: Callable[[], Any], repeat: int = 3) -> tuple[Any, float]:
    """Return the result of a call and its least time in seconds over `repeat` runs."""
    seconds: list[float] = []
    result: Any = None
    for _ in range(repeat):
        began = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - began)
    return result, min(seconds)


def relative_errors(problem: Any, states: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return the relative errors of states in the problem's inner product."""
    wrong = states - truths
    squares = [np.sum(v * np.asarray(problem.product @ v.T).T, axis=1) for v in (wrong, truths)]
    return np.sqrt(squares[0] / squares[1])


def measure_pymor(
    problem: Any, known: Snapshots, unknown: Snapshots, size: int, *, greedy: bool = False
) -> dict[str, Any]:
    """Run pyMOR's POD of the snapshots, or its weak greedy algorithm on their parameters, which solves for itself.

    Both use the reductor for coercive problems, whose error estimate is the residual in the dual norm.
    """
    from pymor.algorithms.greedy import rb_greedy
    from pymor.algorithms.pod import pod
    from pymor.core.logger import set_log_levels
    from pymor.models.basic import StationaryModel
    from pymor.operators.constructions import LincombOperator, VectorOperator
    from pymor.operators.numpy import NumpyMatrixOperator
    from pymor.parameters.functionals import MinThetaParameterFunctional, ProjectionParameterFunctional
    from pymor.reductors.coercive import CoerciveRBReductor
    from scipy.sparse import csc_matrix

    set_log_levels({"pymor": "ERROR"})
    count = len(problem.affine.operators)
    functionals = [ProjectionParameterFunctional("k", count, i) for i in range(count)]
    matrices = [NumpyMatrixOperator(csc_matrix(A)) for A in problem.affine.operators]
    product = NumpyMatrixOperator(csc_matrix(problem.product.to_sparse()))
    load = VectorOperator(matrices[0].range.from_numpy(problem.affine.vectors.T))
    full = StationaryModel(LincombOperator(matrices, functionals), load, products={"energy": product})
    estimator = MinThetaParameterFunctional(functionals, full.parameters.parse(np.ones(count)), 1.0)

    def offline() -> tuple[Any, Any]:
        basis = None
        if not greedy:
            taken = full.solution_space.from_numpy(known.states.T)
            basis = pod(taken, product=product, modes=size)[0]
        reductor = CoerciveRBReductor(full, RB=basis, product=product, coercivity_estimator=estimator)
        if greedy:
            rb_greedy(full, reductor, [full.parameters.parse(mu) for mu in known.parameters], max_extensions=size)
        return reductor, reductor.reduce()

    (reductor, reduced), seconds_offline = timed(offline, 1)
    parsed = [reduced.parameters.parse(mu) for mu in unknown.parameters]
    seconds = [timed(lambda mu=mu: (reduced.solve(mu), reduced.estimate_error(mu)))[1] for mu in parsed]
    states = np.hstack([reductor.reconstruct(reduced.solve(mu)).to_numpy() for mu in parsed]).T
    errors = relative_errors(problem, states, unknown.states)
    return {
        "mean": float(errors.mean()),
        "max": float(errors.max()),
        "offline": seconds_offline,
        "seconds": float(np.median(seconds)),
    }
