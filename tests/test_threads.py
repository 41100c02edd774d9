"""Prepared solvers are shared: by threads, by a process and its forks, and by copies."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl
from contract import installed_solvers, objection, small_solver
from systems import NAMES, system

import ritz
from ritz.backend import single_blas_thread, to_numpy, without_warnings
from ritz.registry import preconditioners, solvers
from ritz.solvers.multigrid.grid.work_arrays import WorkArrays

THREADS = 8
SOLVES = 3  # of each thread
# Answers of these depend on the order of sums in pools of threads that they start themselves.
SUMMED_IN_POOLS = {"pinn", "rff-pinn"}
FEW = {"pinn": {"maxiter": 3}, "rff-pinn": {"maxiter": 3}}  # what training reaches is tested elsewhere


def grid_system(seed=0):
    """Return a system on a grid large enough for several levels, with obstacles."""
    return ritz.problems.poisson((28, 24), obstacles=3, seed=seed)


def box_system():
    return ritz.problems.poisson((28, 24))


def shared_problem(name):
    """Return a small problem that a solver takes."""
    if solvers[name].solves is not ritz.LinearSystem and name != "auto":
        if solvers[name].solves is ritz.PDE:
            return ritz.PDE((0.0, 1.0), {2: -1.0}, source=2.0)
        if solvers[name].solves is ritz.LpRegression:
            generator = np.random.default_rng(0)
            return ritz.LpRegression(generator.standard_normal((80, 3)), generator.standard_normal(80), p=1.0)
        return next(system(problem) for problem in NAMES if not objection(name, problem))
    return box_system() if name in ("transform", "tridiagonal-transform") else grid_system()


def right_hand_sides(problem, count):
    """Return what each solve is asked for: right-hand sides, parameters, or nothing but the problem's own."""
    generator = np.random.default_rng(1)
    if isinstance(problem, ritz.LinearSystem):
        return list(generator.standard_normal((count, problem.size)))
    if isinstance(problem, (ritz.LeastSquares, ritz.LpRegression)):
        return [np.asarray(problem.b) * (1.0 + 0.1 * i) for i in range(count)]
    if isinstance(problem, ritz.ParametricPDE):
        return list(problem.sample(count, seed=3))
    return [None] * count


def in_threads(work, items, threads=THREADS):
    """Return the results of `work` for every item, begun by all threads at the same moment."""
    ready = threading.Barrier(threads)

    def mine(number):
        ready.wait()
        return [(i, work(items[i])) for i in range(number, len(items), threads)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(threads) as pool:
            found = dict(pair for pairs in pool.map(mine, range(threads)) for pair in pairs)
    finally:
        sys.setswitchinterval(interval)
    return [found[i] for i in range(len(items))]


def assert_same(name, found, expected):
    for mine, alone in zip(found, expected, strict=True):
        assert mine.status is alone.status
        x, y = np.asarray(to_numpy(mine.x), dtype=float), np.asarray(to_numpy(alone.x), dtype=float)
        if name in SUMMED_IN_POOLS:
            np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3 * np.abs(y).max())
        else:
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", installed_solvers())
def test_a_prepared_solver_may_be_shared_by_threads(name):
    problem = shared_problem(name)
    prepared = small_solver(name).prepare(problem)
    asked = right_hand_sides(
        problem, THREADS * (SOLVES if isinstance(problem, (ritz.LinearSystem, ritz.LeastSquares)) else 1)
    )

    def solve(rhs):
        return prepared.solve(rhs, rtol=1e-6, **FEW.get(name, {}))

    expected = [solve(rhs) for rhs in asked] if asked[0] is not None else [solve(None)] * len(asked)
    assert_same(name, in_threads(solve, asked), expected)


@pytest.mark.parametrize("name", preconditioners.names())
def test_a_preconditioner_may_be_shared_by_threads(name):
    operator = grid_system().operator
    inverse = preconditioners.make(name, {}).build(operator)
    vectors = list(np.random.default_rng(2).standard_normal((4 * THREADS, operator.shape[0])))
    for mine, alone in zip(in_threads(inverse.matvec, vectors), map(inverse.matvec, vectors), strict=True):
        np.testing.assert_array_equal(mine, alone)


@pytest.mark.parametrize("name", ["multigrid", "learned-multigrid", "bootstrap-amg", "amg-cg", "pyamg-sa", "mic-cg"])
def test_solve_itself_may_be_called_by_threads(name):
    asked = [grid_system(seed) for seed in range(THREADS)]
    found = in_threads(lambda problem: ritz.solve(problem, name, rtol=1e-9), asked)
    assert_same(name, found, [ritz.solve(problem, name, rtol=1e-9) for problem in asked])


def test_threads_may_be_the_first_to_use_everything():
    """Imports, registration, compilation and the search for solvers all begin at once."""
    script = """
        import sys, threading
        sys.setswitchinterval(1e-5)
        import numpy as np, ritz
        names = ["multigrid", "cg", "transform", "lu", "mic-cg", "amg-cg", "scipy-cg", "auto"]
        system, found, ready = ritz.problems.poisson((24, 20)), {}, threading.Barrier(8)
        def solve(name):
            ready.wait()
            found[name] = ritz.solve(system, name, rtol=1e-10).x
        threads = [threading.Thread(target=solve, args=(name,)) for name in names]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert sorted(found) == sorted(names), found.keys()
        assert all(np.allclose(x, found["lu"], atol=1e-7 * abs(x).max()) for x in found.values())
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)


def test_a_solver_is_prepared_in_one_thread_and_used_in_another():
    problem = grid_system()
    with ThreadPoolExecutor(1) as pool:
        prepared = pool.submit(solvers["multigrid"]().prepare, problem).result()
    expected = prepared.solve().x
    with ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(pool.submit(prepared.solve).result().x, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["multigrid", "learned-multigrid", "bootstrap-amg", "amg-cg"])
def test_a_prepared_solver_works_in_a_fork_after_threads_used_it(name):
    prepared = small_solver(name).prepare(grid_system())
    expected = prepared.solve().x
    in_threads(prepared.solve, [None] * THREADS)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(prepared.solve().x))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    np.testing.assert_array_equal(queue.get(), expected)


def test_work_arrays_are_freed_when_a_thread_ends():
    work, ended = WorkArrays(np.float64, 10), []

    def use():
        ended.append(weakref.ref(work.arrays[0]))

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len(ended) == 3
    assert all(array() is None for array in ended)


def test_auto_falls_back_once_for_all_threads():
    generator = np.random.default_rng(0)
    matrix = generator.standard_normal((60, 60))
    problem = ritz.LinearSystem(matrix + matrix.T, generator.standard_normal(60))
    prepared = solvers["auto"]().prepare(problem)
    asked = right_hand_sides(problem, 4 * THREADS)
    for rhs, solution in zip(asked, in_threads(prepared.solve, asked), strict=True):
        assert solution.converged
        np.testing.assert_allclose(problem.operator @ solution.x, rhs, atol=1e-6)


def test_settings_of_the_process_are_as_before():
    filters, state = list(warnings.filters), np.random.get_state()  # noqa: NPY002
    threads = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]

    def work(number):
        with single_blas_thread(), without_warnings():
            ritz.solve(grid_system(), "amg-cg", coarsening="smoothed-aggregation")
            return ritz.solve(grid_system(), ("scipy-spsolve", "multigrid")[number % 2]).x

    in_threads(work, list(range(2 * THREADS)))
    assert warnings.filters == filters
    assert [pool["num_threads"] for pool in threadpoolctl.threadpool_info()][: len(threads)] == threads
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
