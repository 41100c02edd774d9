"""Kernels in parallel chunks give what one thread gives, whatever happens around them."""

import os
import signal
import subprocess
import sys
import threading
import time

import numba
import numpy as np
import pytest

from ritz.backend import LONG, advance, scale_and_add
from ritz.comparing.environment import pinned_threads
from ritz.kernels import parallel_chunks
from ritz.kernels.parallel_chunks import CHUNK_BYTES, in_parallel_chunks, thread_limit

ENOUGH = 100 * CHUNK_BYTES


@numba.njit(nogil=True)
def add_one(first, last, x):
    for i in range(first, last):
        x[i] += 1.0
    return x[first:last].sum()


@pytest.fixture(autouse=True)
def _three_threads(monkeypatch):
    monkeypatch.setattr(parallel_chunks, "thread_limit", lambda: 3)


def recorded(seen):
    """Return a kernel that records the chunks and threads it is called for."""

    def kernel(first, last):
        seen.append((first, last, threading.get_ident()))

    return kernel


@pytest.mark.parametrize(
    ("items", "work", "count"),
    [(100, ENOUGH, 3), (2, ENOUGH, 2), (1, ENOUGH, 1), (0, 0, 1), (100, 2 * CHUNK_BYTES, 2), (100, CHUNK_BYTES, 1)],
)
def test_chunks_cover_all_items_once(items, work, count):
    seen = []
    assert in_parallel_chunks(recorded(seen), items, work) is None
    edges = sorted(edge for first, last, _ in seen for edge in (first, last))
    assert len(seen) == count
    assert edges == sorted([0, items] + 2 * edges[1:-1:2])
    assert sum(last - first for first, last, _ in seen) == items


def test_values_are_added_in_the_order_of_the_chunks():
    values = [1.0, 1e17, -1e17]

    def kernel(first, last):
        time.sleep(0.001 * (last % 3))
        return values[first]

    assert {in_parallel_chunks(kernel, 3, ENOUGH) for _ in range(30)} == {(values[0] + values[1]) + values[2]}


def test_threads_follow_numba_openmp_and_pinning(monkeypatch):
    monkeypatch.setattr(parallel_chunks, "thread_limit", thread_limit)
    with pinned_threads(1):
        assert thread_limit() == 1
        seen = []
        in_parallel_chunks(recorded(seen), 10, ENOUGH)
        assert [chunk[2] for chunk in seen] == [threading.get_ident()]
    monkeypatch.setattr(numba, "get_num_threads", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    assert thread_limit() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert thread_limit() == 2
    for ignored in ("", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", ignored)
        assert thread_limit() == (1 if ignored == "0" else 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert thread_limit() == 3


def test_calls_from_many_threads_at_once():
    def caller(results):
        x = np.zeros(1000)
        results.append(sum(in_parallel_chunks(add_one, x.size, ENOUGH, x) for _ in range(50)))

    results = []
    callers = [threading.Thread(target=caller, args=(results,)) for _ in range(6)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert results == [1000.0 * sum(range(1, 51))] * 6


def test_a_chunk_may_be_shared_out_again():
    x = np.zeros(1000)

    def kernel(first, last):
        return in_parallel_chunks(add_one, last - first, ENOUGH, x[first:last])

    assert in_parallel_chunks(kernel, x.size, ENOUGH) == 1000.0
    assert (x == 1.0).all()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_is_raised_when_no_chunk_runs_any_more(failing):
    running, completed = [], []

    def kernel(first, last):
        running.append(first)
        time.sleep(0.02)
        completed.append(first)
        if first == failing:
            raise ZeroDivisionError(first)

    with pytest.raises(ZeroDivisionError):
        in_parallel_chunks(kernel, 3, ENOUGH)
    assert sorted(running) == sorted(completed)
    time.sleep(0.05)
    assert sorted(running) == sorted(completed)
    assert in_parallel_chunks(lambda first, last: 1.0, 3, ENOUGH) == 3.0  # the threads have survived


def test_interrupt_waits_for_the_other_chunks():
    main, completed = threading.get_ident(), []

    def kernel(first, last):
        if threading.get_ident() == main:
            time.sleep(0.02)  # until the other chunks have begun
            return
        time.sleep(0.1)
        signal.raise_signal(signal.SIGINT)  # which the main thread gets while it waits
        time.sleep(0.1)
        completed.append(first)

    with pytest.raises(KeyboardInterrupt):
        in_parallel_chunks(kernel, 2, 2 * CHUNK_BYTES)
    assert len(completed) == 1


def test_helpers_keep_no_array():
    released = threading.Event()

    class Watched(np.ndarray):
        def __del__(self):
            released.set()

    in_parallel_chunks(lambda first, last, x: time.sleep(0.01), 3, ENOUGH, np.zeros(3).view(Watched))
    assert released.wait(5.0)


def test_without_threads_the_caller_does_everything(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel_chunks, "_helpers", parallel_chunks._Helpers())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    x = np.zeros(1000)
    assert in_parallel_chunks(add_one, x.size, ENOUGH, x) == 1000.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_starts_its_own_threads():
    x = np.zeros(1000)
    in_parallel_chunks(add_one, x.size, ENOUGH, x)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        seen = []

        def kernel(first, last):
            time.sleep(0.1)
            seen.append(threading.get_ident())

        in_parallel_chunks(kernel, 3, ENOUGH)
        os._exit(0 if len(set(seen)) == 3 else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_updates_of_vectors_are_rounded_as_numpy_rounds_them(dtype, monkeypatch):
    monkeypatch.setattr(parallel_chunks, "CHUNK_BYTES", 1)
    rng = np.random.default_rng(0)
    x, r, p, q = (rng.standard_normal(2 * LONG + 1).astype(dtype) for _ in range(4))
    step = 1.0 / 3.0
    expected = x + dtype(step) * p, r - dtype(step) * q, dtype(step) * p + q
    kept = q.copy()
    advance(x, r, step, p, q)
    np.testing.assert_array_equal(q, kept)  # so it was the compiled loop
    assert scale_and_add(p, step, q) is p
    for found, known in zip((x, r, p), expected, strict=True):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, known)


COMPILING = """
import sys
import numba
import numpy as np
from ritz.kernels import compilation
from ritz.solvers.preconditioners.kernels import gauss_seidel

if {watched}:
    sys.ps1 = ">>> "
compilation.PATIENCE = {patience}
start, columns, entries = np.zeros(2, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0)
rhs, x = np.ones(1), np.zeros(1)
gauss_seidel.symmetric_sweep(start, columns, entries, start, columns, entries, np.ones(1), rhs, x)
assert x == 1.0
function = eval("lambda: 1.0", {{"__name__": None}})  # somebody else's, from nowhere
assert numba.njit(function)() == 1.0
"""


def test_compiling_is_announced_once_and_only_to_somebody_watching(tmp_path):
    def heard(watched, patience, folder):
        script = COMPILING.format(watched=watched, patience=patience)
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / folder)}
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr

    assert heard(watched=True, patience=0.0, folder="a") == "ritz: compiling symmetric_sweep (once; kept on disk)\n"
    assert heard(watched=True, patience=0.0, folder="a") == ""
    assert heard(watched=False, patience=0.0, folder="b") == ""
    assert heard(watched=True, patience=60.0, folder="c") == ""
