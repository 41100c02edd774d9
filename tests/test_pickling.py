"""Errors, problems, solvers, prepared solvers and solutions pass between processes."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from contract import compatible, installed_solvers, small_solver
from systems import NAMES, system

import ritz
from ritz import errors
from ritz.backend import to_numpy
from ritz.operators import MatrixFree

STARTS = [name for name in ("fork", "spawn") if name in multiprocessing.get_all_start_methods()]


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))


def some_error(kind):
    """Return an error of a class, with the arguments that its constructor wants."""
    if kind is errors.ConvergenceError:
        return kind("no", ritz.solve(np.eye(2), np.ones(2)))
    if kind is errors.InvalidWeights:
        return kind("file.safetensors", "it is damaged")
    if kind is errors.MissingExtra:
        return kind("networkx", "graphs")
    if issubclass(kind, (errors.UnknownName, errors.UnknownOption)):
        return kind("solver", "cq", ["cg", "lu"])
    return kind("what went wrong")


ERRORS = [name for name in errors.__all__ if issubclass(getattr(errors, name), errors.RitzError)]


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    kind = getattr(errors, name)
    error = some_error(kind)
    error.add_note("in the third row")
    back = through_pickle(error)
    assert type(back) is kind
    assert str(back) == str(error)
    assert back.__notes__ == ["in the third row"]
    if kind is errors.ConvergenceError:
        assert np.array_equal(back.solution.x, error.solution.x)


@pytest.mark.parametrize("name", NAMES)
def test_problems(name):
    problem = system(name)
    back = through_pickle(problem)
    assert type(back) is type(problem)
    if isinstance(problem, ritz.LinearSystem):
        x = np.linspace(-1.0, 1.0, problem.size)
        assert np.array_equal(to_numpy(back.operator @ x), to_numpy(problem.operator @ x))
        assert back.operator.tags == problem.operator.tags


def a_pair_of_each_kind():
    """Return, for each solver, one problem of each kind and each kind of operator that it takes."""
    found = {}
    for linear in (True, False):
        # Gaussian processes are slow in two dimensions.
        for solver, name in sorted(compatible(linear=linear), key=lambda pair: "gp" in pair[0] and "1d" not in pair[1]):
            problem = system(name)
            found.setdefault((solver, type(problem), type(getattr(problem, "operator", None))), (solver, name))
    return list(found.values())


@pytest.mark.parametrize(("solver", "name"), a_pair_of_each_kind())
def test_prepared_solvers_and_solutions(solver, name):
    made = through_pickle(small_solver(solver))
    assert type(made) is type(small_solver(solver))
    prepared = made.prepare(system(name))
    back = through_pickle(prepared)
    limits = {"maxiter": 5} if "pinn" in solver else {}  # networks take a minute to train
    first, second = prepared.solve(**limits), back.solve(**limits)
    assert second.status is first.status
    scale = float(np.abs(to_numpy(first.x)).max(initial=1e-300))
    assert np.abs(to_numpy(first.x) - to_numpy(second.x)).max(initial=0.0) <= 1e-6 * scale
    solution = through_pickle(first)
    assert np.array_equal(to_numpy(solution.x), to_numpy(first.x), equal_nan=True)
    assert solution.status is first.status
    assert str(solution) == str(first)


def test_every_solver_was_tried():
    assert {solver for solver, _ in a_pair_of_each_kind()} == set(installed_solvers())


def test_parts_stay_shared():
    operator = MatrixFree(lambda x: 2.0 * x, (3, 3), dtype=float)
    back = through_pickle(operator + operator)
    assert back.left is back.right
    problem = ritz.LinearSystem(operator, np.ones(3))
    assert copy.copy(problem).operator is problem.operator


def fail(number):
    raise errors.UnknownName("solver", f"cq{number}", ["cg"])


@pytest.mark.parametrize("start", STARTS)
def test_errors_and_problems_pass_through_a_pool(start):
    context = multiprocessing.get_context(start)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        with pytest.raises(errors.UnknownName, match="cq3"):
            pool.submit(fail, 3).result(timeout=300)
        problem = ritz.LinearSystem(MatrixFree(lambda x: 2.0 * x, (3, 3), dtype=float), np.ones(3))
        assert pool.submit(ritz.solve, problem, "gmres").result(timeout=300).x.tolist() == [0.5, 0.5, 0.5]
