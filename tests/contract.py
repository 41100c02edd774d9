"""Which solvers fit which problems, and what a failed check of the contract says."""

import re
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import pytest
import torch
from systems import NAMES, facts, is_symmetric, system

import ritz
from ritz.backend import numpy_dtype, to_numpy
from ritz.operators import KroneckerSum, Stencil, Tag
from ritz.registry import solvers

RTOL = {"float32": 1e-4, "float64": 1e-8}
EPSILON = {"float32": 1.2e-7, "float64": 2.3e-16}

FEW = {"maxiter": 3, "points": 50, "side_points": 10, "width": 8}  # what training reaches is tested in test_neural.py
REDUCED = {"size": 4, "samples": 40}
OPTIONS = {"pinn": FEW, "rff-pinn": FEW, "pod": REDUCED, "local-reduced-basis": {**REDUCED, "clusters": 2}}


def _on_box(problem):
    operator = problem.operator
    return isinstance(operator, KroneckerSum) or (isinstance(operator, Stencil) and operator.constant)


def _on_grid(problem):
    return isinstance(problem.operator, Stencil) or problem.grid is not None


# What some solvers need besides the kind of problem and symmetry.
STRUCTURE = {
    "multigrid": _on_grid,
    "learned-multigrid": _on_grid,
    "transform": _on_box,
    "tridiagonal-transform": _on_box,
    "attributes-kmeans": lambda graph: bool(graph.attribute_blocks),
}


def small_solver(solver_name):
    """Return a solver with options that keep its preparation short."""
    kind = solvers[solver_name]
    options = {option.name for option in fields(kind)}
    return kind(**{name: value for name, value in OPTIONS.get(solver_name, {}).items() if name in options})


@cache
def missing_extra(solver_name):
    """Return the message of a solver whose optional package is not installed, or nothing."""
    kind = solvers[solver_name]
    name = next(name for name in NAMES if isinstance(system(name), kind.solves))
    try:
        small_solver(solver_name).prepare(system(name))
    except ritz.MissingExtra as error:
        return str(error)
    except ritz.InvalidProblem:
        pass
    return ""


def installed_solvers():
    """Return the names of the solvers whose packages are installed."""
    return [name for name in solvers.names() if not missing_extra(name)]


def objection(solver_name, problem_name):
    """Return the pattern of the error a solver must raise for a problem, or nothing if it has to take it."""
    kind, problem = solvers[solver_name], system(problem_name)
    if not isinstance(problem, kind.solves):
        return type(problem).__name__
    if isinstance(problem, ritz.LinearSystem) and Tag.SYMMETRIC in kind.requires and not is_symmetric(problem_name):
        return r"symmetric operator.*use"
    if not STRUCTURE.get(solver_name, lambda problem: True)(problem):
        return "use"
    return ""


def is_linear(problem_name):
    """Return whether a problem is a linear system."""
    return isinstance(system(problem_name), ritz.LinearSystem)


@cache
def has_dtype(problem_name, dtype):
    """Return whether a linear system can be had in a precision; coefficients may be out of its range."""
    try:
        system(problem_name).astype(dtype)
    except ritz.InvalidProblem:
        return False
    return True


def compatible(*, linear):
    """Return the pairs of solvers and problems that fit, of linear systems or of the other kinds."""
    return [
        (solver_name, problem_name)
        for solver_name in installed_solvers()
        for problem_name in NAMES
        if is_linear(problem_name) == linear and not objection(solver_name, problem_name)
    ]


def refusals():
    """Return one pair for every solver and every reason to refuse a problem, with the pattern of the error."""
    found = {}
    for solver_name in installed_solvers():
        for problem_name in NAMES:
            pattern = objection(solver_name, problem_name)
            if pattern:
                found.setdefault((solver_name, pattern), problem_name)
    return [(solver_name, problem_name, pattern) for (solver_name, pattern), problem_name in found.items()]


def convert(values, backend):
    """Return an array of NumPy, or a tensor of it."""
    return torch.tensor(values) if backend == "torch" else values


@dataclass(frozen=True)
class Pairing:
    """A solver, a problem, and the kind of arrays they meet in."""

    solver_name: str
    problem_name: str
    backend: str = "numpy"
    dtype: str = "float64"

    def problem(self):
        """Return the problem in its backend and precision."""
        problem = system(self.problem_name)
        if not isinstance(problem, ritz.LinearSystem):
            return problem
        problem = problem.astype(self.dtype)
        return replace(problem, rhs=convert(to_numpy(problem.rhs), self.backend))

    def prepare(self, problem):
        """Return the solver, prepared for the problem."""
        return small_solver(self.solver_name).prepare(problem)

    def expect(self, holds, what):
        """Fail with one line that says who broke which rule, unless it holds."""
        if not holds:
            who = f"{self.solver_name} on {self.problem_name} ({self.backend}, {self.dtype})"
            pytest.fail(f"{who}: expected {what}", pytrace=False)

    def expect_refusal(self, pattern):
        """Check that preparing raises `InvalidProblem` with a message that matches."""
        try:
            self.prepare(self.problem())
        except ritz.InvalidProblem as error:
            self.expect(re.search(pattern, str(error)), f"a message like {pattern!r}, got {str(error)!r}")
        else:
            self.expect(False, f"InvalidProblem with a message like {pattern!r}, got no error")

    def expect_solution(self, solution, problem, rhs, rtol, x0=None):
        """Check what holds for every solution of a linear system, converged or not."""
        dtype, expect = numpy_dtype(rhs).name, self.expect
        expect(type(solution.x) is type(rhs), f"x of type {type(rhs).__name__}, got {type(solution.x).__name__}")
        expect(numpy_dtype(solution.x) == numpy_dtype(rhs), f"x of {dtype}, got {numpy_dtype(solution.x)}")
        shapes = tuple(solution.x.shape), tuple(rhs.shape)
        expect(shapes[0] == shapes[1], f"x of shape {shapes[1]}, got {shapes[0]}")
        expect(np.isfinite(to_numpy(solution.x)).all(), "finite entries of x")

        matrix = problem.operator.to_dense().astype(float)
        b, x = to_numpy(rhs).astype(float), to_numpy(solution.x).astype(float)
        norms = np.linalg.norm(b, axis=0)
        norms = np.where(norms > 0, norms, 1.0)
        true = float((np.linalg.norm(b - matrix @ x, axis=0) / norms).max())
        rounding = 20 * EPSILON[dtype] * float((np.linalg.norm(abs(matrix) @ abs(x), axis=0) / norms).max())
        close = solution.residual == pytest.approx(true, rel=1e-3, abs=rounding)
        expect(close, f"the true residual {true:.3e}, got {solution.residual:.3e}")
        expect(
            solution.converged == (solution.residual <= rtol), f"a status that follows from the residual: {solution}"
        )
        if facts(self.problem_name).easy:
            expect(solution.converged, f"convergence on a well-conditioned definite system: {solution}")
        if x0 is None:
            most = 1.0 + rounding + 10 * EPSILON[dtype]
            expect(solution.residual <= most, f"no more than the residual of zero, got {solution.residual:.3e}")

        expect(isinstance(solution.iterations, int), f"iterations as an int, got {solution.iterations!r}")
        self.expect_record(solution)
        if x0 is None and b.any():
            first = solution.history[0]
            expect(first == pytest.approx(1.0, rel=1e-5), f"history to start at 1, got {first:.3e}")
        expect(all(seconds >= 0.0 for seconds in solution.timings.values()), f"times >= 0, got {solution.timings}")
        expect(solution.solver, "the name of the solver")
        if self.solver_name != "auto":
            expect(solution.solver == self.solver_name, f"the name {self.solver_name!r}, got {solution.solver!r}")

    def expect_record(self, solution):
        """Check the history and the times of a solution of any kind."""
        lengths = len(solution.history), solution.iterations + 1
        self.expect(lengths[0] == lengths[1], f"{lengths[1]} entries of history, got {lengths[0]}")
        self.expect(set(solution.timings) >= {"prepare", "solve"}, f"both times, got {sorted(solution.timings)}")
