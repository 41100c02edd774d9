"""Interrupts, too little memory, caches that cannot be written, and processes that start at the same time."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from contract import compatible, small_solver
from systems import system

import ritz
from ritz import Status


def one_problem_each():
    """Return one pair of a solver and a problem for each solver."""
    found = {}
    for linear in (True, False):
        for solver, name in sorted(compatible(linear=linear), key=lambda pair: "gp" in pair[0] and "1d" not in pair[1]):
            found.setdefault(solver, name)
    return sorted(found.items())


@pytest.mark.parametrize(("solver", "name"), one_problem_each())
def test_an_interrupt_is_never_swallowed(solver, name):
    """Ctrl-C at any moment ends a loop of solves, by a status or by KeyboardInterrupt."""
    problem, made = system(name), small_solver(solver)
    sent = threading.Event()

    def interrupt():
        sent.set()
        os.kill(os.getpid(), signal.SIGINT)

    for delay in (0.003, 0.05):
        sent.clear()
        timer, late = threading.Timer(delay, interrupt), 0
        try:
            timer.start()
            while late < 2:  # the signal may come while a solve ends
                late += sent.is_set()
                if ritz.solve(problem, made, throw=False).status is Status.INTERRUPTED:
                    break
        except KeyboardInterrupt:
            pass
        else:
            assert late < 2, f"{solver} went on after {delay} s"
        timer.join()


def run(code, **environment):
    """Run a script in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, timeout=300
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return done.stdout


MIXED = "{(2, 0): -1.0, (1, 1): 0.5, (0, 2): -1.0}"
LARGE = {
    "a dense factorisation": "ritz.solve(np.eye(5000) + np.eye(5000, k=1), np.ones(5000))",
    "a sparse factorisation": "ritz.solve(ritz.problems.poisson((70, 70, 70)), 'lu')",
    "a grid": "ritz.solve(ritz.problems.poisson((3000, 3000, 40)), 'multigrid')",
    "algebraic multigrid": "ritz.solve(ritz.problems.poisson((2500, 2500)), 'amg-cg')",
    "a Chebyshev grid": f"ritz.solve(ritz.PDE(((0, 1), (0, 1)), {MIXED}, 1.0), 'chebyshev', shape=120)",
    "least squares": "ritz.solve(ritz.LeastSquares(np.ones((20000, 20000)), np.ones(20000)))",
}


@pytest.mark.parametrize("case", LARGE)
def test_too_little_memory_is_an_error(case):
    """What does not fit into memory raises MemoryError or a RitzError, and the process can go on."""
    said = run(
        f"""
import resource
import numpy as np, ritz
ritz.solve(ritz.problems.poisson((16, 16)), "multigrid")
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 400_000_000, -1))
try:
    {LARGE[case]}
except (MemoryError, ritz.RitzError) as error:
    print(type(error).__name__)
print(ritz.solve(ritz.problems.poisson((16, 16))).converged)
"""
    )
    assert said.split() in (["MemoryError", "True"], ["InvalidProblem", "True"], ["ConvergenceError", "True"])


ONE_KERNEL = """
import numpy as np, ritz
A = ritz.problems.poisson((9, 9)).operator.to_sparse()
print(ritz.solve(A, np.ones(81), "cg", preconditioner="symmetric-gauss-seidel").iterations)
"""


def test_a_cache_that_cannot_be_written(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    assert int(run(ONE_KERNEL, NUMBA_CACHE_DIR=str(occupied))) > 1


def test_processes_fill_an_empty_cache_together(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", ONE_KERNEL], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    said = {process.communicate(timeout=300)[0] for process in started}
    assert len(said) == 1
    assert int(said.pop()) > 1
