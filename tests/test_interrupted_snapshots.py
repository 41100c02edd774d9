"""Snapshots that are interrupted or killed: what ends, what is kept, and what the error says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import psutil
import pytest
from systems import small_instance

import ritz

RANGES = {"a": (0.5, 1.0)}
PATIENCE = 60.0  # seconds within which a loaded machine starts a process


class Third:
    """A function of parameters that raises an error at its third call."""

    def __init__(self, error):
        self.calls, self.error = 0, error

    def __call__(self, mu):
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return np.array([mu[0], 1.0])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), MemoryError(), GeneratorExit(), OSError("disk")])
@pytest.mark.parametrize("threads", [0, 1])
def test_what_a_function_raises_passes_through_and_earlier_solutions_are_kept(error, threads, tmp_path):
    solve = Third(error)
    problem = ritz.ParametricPDE(solve, RANGES, name="third")
    executor = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(type(error)) as caught, executor or nullcontext():
        problem.snapshots(8, cache=tmp_path, executor=executor)
    assert caught.value is error
    kept = len(list(tmp_path.iterdir()))
    assert 2 <= kept == len(list(tmp_path.glob("*.snapshot")))
    solve.calls = 10
    np.testing.assert_array_equal(problem.snapshots(8, cache=tmp_path).states[:, 0], problem.sample(8)[:, 0])
    assert solve.calls <= 10 + 8 - kept + 1  # one is computed again to see that the cache is true


@pytest.mark.parametrize("name", ["moving-reaction", "burgers", "lid-driven-cavity"])
def test_newton_that_is_interrupted_blames_no_parameters(name):
    problem = small_instance(name)
    term = problem.term
    calls = [0]

    def interrupted(*arguments):
        calls[0] += 1
        if calls[0] == 7:
            raise KeyboardInterrupt
        return term.function(*arguments)

    with pytest.raises(KeyboardInterrupt):
        replace(problem, term=replace(term, function=interrupted)).snapshots(4)


@pytest.mark.parametrize("throw", [True, False])
def test_an_interrupt_that_a_solver_has_caught_ends_the_snapshots(throw, tmp_path):
    """The function's own solve turns Ctrl-C into a status; its unfinished iterate is no snapshot."""
    n, calls = 200, [0]
    matrix = np.diag(np.full(n, 2.0)) - np.eye(n, k=1) - np.eye(n, k=-1)

    def apply(x):
        calls[0] += 1
        if calls[0] == 500:
            signal.raise_signal(signal.SIGINT)
        return matrix @ x

    operator = ritz.operators.MatrixFree(apply, (n, n), tags={ritz.operators.Tag.SYMMETRIC})

    def solve(mu):
        return ritz.solve(operator, np.full(n, mu[0]), "minres", throw=throw).x

    problem = ritz.ParametricPDE(solve, RANGES, name="inner")
    with pytest.raises(KeyboardInterrupt):
        problem.snapshots(8, cache=tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    kept = problem.snapshots(8, cache=tmp_path)
    right = [np.linalg.solve(matrix, np.full(n, mu)) for mu in kept.parameters[:, 0]]
    np.testing.assert_allclose(kept.states, right, rtol=1e-5)


def test_a_query_that_is_interrupted_does_not_go_on_with_the_full_model(monkeypatch):
    problem = small_instance("moving-reaction")
    model = ritz.solvers.reduced_basis.GlobalPOD(size=5, samples=30, tolerance=np.inf).prepare(problem)
    monkeypatch.setattr(type(problem), "full_order", lambda *_, **__: pytest.fail("the full model was asked"))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(model.stage.models[0].equations.term), "jacobian", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.solve()


RUN = """
import os, sys, time, numpy as np, ritz
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def slow(mu):
    time.sleep(0.05 if len(os.listdir(sys.argv[1])) < 3 else float(os.environ["RITZ_TEST_SLEEP"]))
    return np.array([mu[0], 1.0])

if __name__ == "__main__":
    problem = ritz.ParametricPDE(slow, {"a": (0.0, 1.0)}, name="slow")
    folder, context, count = sys.argv[1:]
    if context == "serial":
        problem.snapshots(int(count), cache=folder)
    else:
        with ProcessPoolExecutor(2, mp_context=get_context(context)) as executor:
            problem.snapshots(int(count), cache=folder, executor=executor)
"""


class Run:
    """A script that computes snapshots, once three of them are on disk and the next will take long."""

    def __init__(self, folder, context):
        self.cache, self.context, self.script = folder / "cache", context, folder / "run.py"
        self.script.write_text(RUN)
        self.process = self._start("400", "120.0")
        deadline = time.monotonic() + PATIENCE
        while len(self.files()) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.workers = psutil.Process(self.process.pid).children(recursive=True)

    def _start(self, count, sleep):
        command = [sys.executable, str(self.script), str(self.cache), self.context, count]
        environment = os.environ | {"RITZ_TEST_SLEEP": sleep, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)

    def files(self):
        return list(self.cache.glob("*.snapshot"))

    def end(self):
        """Wait for the process and its workers; return what it printed."""
        _, said = self.process.communicate(timeout=PATIENCE)
        _, alive = psutil.wait_procs(self.workers, timeout=10.0)
        assert not alive
        return said

    def resume(self):
        count = len(self.files()) + 3
        process = self._start(str(count), "0.0")
        assert process.communicate(timeout=PATIENCE)[1] == ""
        assert len(self.files()) == count == len(list(self.cache.iterdir()))


@pytest.mark.parametrize("context", ["serial", "fork"])
def test_sigint_ends_a_run_and_its_workers_within_seconds(context, tmp_path):
    run = Run(tmp_path, context)
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    said = run.end()
    assert time.monotonic() - began < 10.0
    assert "KeyboardInterrupt" in said
    assert "InvalidProblem" not in said
    assert 3 <= len(run.files()) < 10
    assert len(run.files()) == len(list(run.cache.iterdir()))


def test_a_killed_run_leaves_a_readable_cache_and_no_workers(tmp_path):
    run = Run(tmp_path, "spawn")
    run.process.kill()
    run.end()
    rest = tmp_path / "cache" / ".0123.snapshot.abcd"  # as if it had been killed while it wrote, an hour ago
    rest.write_bytes(b"half")
    os.utime(rest, (time.time() - 3600.0,) * 2)
    run.resume()


def test_an_inner_solve_that_is_interrupted_ends_the_outer_one():
    """Newton's method does not go on with the unfinished step of its linear solver."""
    calls = [0]

    def slope(u):
        calls[0] += 1
        return np.exp(u)

    square, laplacian = ((0.0, 1.0), (0.0, 1.0)), {(2, 0): -1.0, (0, 2): -1.0}
    counted = ritz.PDE(square, laplacian, 10.0, 0.0, reaction=(np.exp, slope))
    whole = ritz.solve(counted, "chebyshev", shape=12)
    assert whole.converged
    steps, calls[0] = calls[0], 0

    class Interrupted:
        def __init__(self, **_):
            pass

        def prepare(self, system):
            return self

        def solve(self, **_):
            return replace(whole, x=np.zeros(whole.x.size), status=ritz.Status.INTERRUPTED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ritz.solvers.collocation.nonlinear.GMRES", Interrupted)
        stopped = ritz.solve(counted, "chebyshev", shape=12, throw=False)
    assert stopped.status is ritz.Status.INTERRUPTED
    assert calls[0] < steps
