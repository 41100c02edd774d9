"""Full-order solves for many parameters, in parallel and with a cache on disk.

A cache is a folder with one file per solution. The name of a file is a digest of the problem and the parameters, and
its content starts with a digest of the rest. The digest of a problem covers its name, ranges, equations and the code of
its functions, but not what these functions read elsewhere (global variables, files). Therefore the first solution found
in a cache is computed again, and the cache is refused if the two differ.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ritz.errors import ConvergenceError, InvalidProblem
from ritz.files import write_atomically
from ritz.progress import StepProgress
from ritz.solution import Status

__all__ = ["fingerprint", "solve_all"]

SAME = 1e-6  # relative difference up to which a recomputed solution counts as unchanged
ABANDONED = 600.0  # seconds after which a file that is not whole was left by a process that was killed


class SolvableProblem(Protocol):
    """A problem whose solutions can be cached; `ritz.ParametricPDE` is one."""

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    @property
    def identity(self) -> tuple[Any, ...]:
        """Everything that solutions depend on."""
        ...

    def solution(self, mu: Any = None) -> np.ndarray:
        """Return the full-order solution."""
        ...

    def describe(self, mu: np.ndarray) -> str:
        """Return parameters as text."""
        ...


def solve_all(
    problem: SolvableProblem,
    points: np.ndarray,
    executor: Executor | None,
    cache: str | os.PathLike[str] | None,
    progress: bool,
) -> list[np.ndarray]:
    """Return the solution for each row of `points`; see `ritz.ParametricPDE.snapshots`."""
    store = None if cache is None else _Store(Path(cache), problem)
    solutions: list[Any] = [None if store is None else store.read(mu) for mu in points]
    found = [number for number, solution in enumerate(solutions) if solution is not None]
    if store is not None and found:
        _check_still_true(problem, points[found[0]], solutions[found[0]], store.folder)
    missing = [number for number, solution in enumerate(solutions) if solution is None]
    shape = solutions[found[0]].shape if found else None
    with (
        _workers_ended(executor),
        StepProgress(progress, f"snapshots of {problem.name or 'the problem'}", len(points)) as bar,
        closing(_solved(problem, points, missing, executor, store)) as solved,
    ):
        for done, (number, solution) in enumerate(solved, len(found) + 1):
            shape = shape or solution.shape
            if solution.shape != shape:
                raise InvalidProblem(
                    f"the full-order solve returns shape {solution.shape} at {problem.describe(points[number])} and"
                    f" {shape} before; all solutions must have the same shape"
                )
            solutions[number] = solution
            bar.update(done)
    return solutions


def fingerprint(problem: SolvableProblem) -> str:
    """Return a digest of everything that the solutions of a problem depend on."""
    digest = hashlib.sha256()
    for part in problem.identity:
        _feed(digest, part)
    return digest.hexdigest()


def _solved(
    problem: SolvableProblem, points: np.ndarray, missing: list[int], executor: Executor | None, store: _Store | None
) -> Generator[tuple[int, np.ndarray]]:
    """Yield the indices `missing` with their solutions, in order of completion."""
    if executor is None:
        for number in missing:
            yield number, _solve_one(problem, store, points[number])
        return
    task: Any = partial(_solve_one, problem, store)
    if not isinstance(executor, ThreadPoolExecutor):
        task = partial(_solve_pickled, *_pickled(problem), store)
    futures = {executor.submit(task, points[number]): number for number in missing}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def _workers_ended(executor: Executor | None) -> Generator[None]:
    """End the worker processes on Ctrl-C and the like, which should not wait for solves that may take hours."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        for process in list((getattr(executor, "_processes", None) or {}).values()):
            process.terminate()
        raise


def _solve_one(problem: SolvableProblem, store: _Store | None, mu: np.ndarray) -> np.ndarray:
    solution = _solution(problem, mu)
    if store is not None:
        with _termination_delayed():
            store.write(mu, solution)
    return solution


@contextmanager
def _termination_delayed() -> Generator[None]:
    """Delay SIGTERM, which ends workers, until a file is whole, so that no temporary one stays behind."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _solution(problem: SolvableProblem, mu: np.ndarray) -> np.ndarray:
    """Return a solution, or raise KeyboardInterrupt if Ctrl-C was pressed, even if a solver has caught that."""
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    watched = threading.current_thread() is threading.main_thread()
    watched = watched and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if watched:
            signal.signal(signal.SIGINT, note)
        return problem.solution(mu)
    except ConvergenceError as error:
        if error.solution.status is Status.INTERRUPTED:
            raise KeyboardInterrupt from error
        raise
    finally:
        if watched:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if pressed:
            raise KeyboardInterrupt


_problems: dict[str, Any] = {}  # the problem that this process unpickled last


def _solve_pickled(key: str, pickled: bytes, store: _Store | None, mu: np.ndarray) -> np.ndarray:
    """Solve in a worker process, which unpickles the problem once for all its tasks."""
    if key not in _problems:
        if not _problems:
            threading.Thread(target=_end_with_parent, daemon=True).start()
        _problems.clear()
        _problems[key] = pickle.loads(pickled)
    return _solve_one(_problems[key], store, mu)


def _end_with_parent() -> None:
    """End a worker process whose parent was killed; it would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _pickled(problem: SolvableProblem) -> tuple[str, bytes]:
    try:
        pickled = pickle.dumps(problem)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidProblem(
            f"the problem cannot be sent to other processes ({error}): define its functions at the top of a module, or"
            " use a ThreadPoolExecutor"
        ) from None
    return hashlib.sha256(pickled).hexdigest(), pickled


class _Store:
    """The folder of a cache.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    problem : SolvableProblem
    """

    def __init__(self, folder: Path, problem: SolvableProblem):
        self.folder = folder
        self._problem = fingerprint(problem)
        folder.mkdir(parents=True, exist_ok=True)
        for rest in folder.glob(".*.snapshot.*"):
            if time.time() - rest.stat().st_mtime > ABANDONED:
                rest.unlink(missing_ok=True)

    def read(self, mu: np.ndarray) -> np.ndarray | None:
        """Return a cached solution, or None if it is missing or damaged."""
        path = self._path(mu)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, body = content[:32], content[32:]
        if hashlib.sha256(body).digest() != digest:
            warnings.warn(
                f"the snapshot {str(path)!r} is damaged and will be computed again", UserWarning, stacklevel=2
            )
            return None
        return np.load(io.BytesIO(body), allow_pickle=False)

    def write(self, mu: np.ndarray, solution: np.ndarray) -> None:
        """Write a solution."""
        buffer = io.BytesIO()
        np.save(buffer, solution)
        body = buffer.getvalue()
        write_atomically(self._path(mu), hashlib.sha256(body).digest() + body)

    def _path(self, mu: np.ndarray) -> Path:
        key = hashlib.sha256(self._problem.encode() + np.ascontiguousarray(mu).tobytes()).hexdigest()
        return self.folder / f"{key[:32]}.snapshot"


def _check_still_true(problem: SolvableProblem, mu: np.ndarray, kept: np.ndarray, folder: Path) -> None:
    again = _solution(problem, mu)
    if again.shape != kept.shape or not np.allclose(again, kept, rtol=0.0, atol=SAME * max(abs(again).max(), 1e-300)):
        raise InvalidProblem(
            f"the cache {str(folder)!r} is stale: the solution at {problem.describe(mu)} has changed; use"
            " another folder, or give the changed problem another name"
        )


def _feed(digest: Any, part: Any, functions: tuple[Any, ...] = ()) -> None:
    """Add the content of an object to a digest: arrays, mappings, dataclasses, functions with their code.

    `functions` are the functions that lead to the object, which may refer to themselves.
    """

    def feed(parts: Iterable[Any]) -> None:
        for each in parts:
            _feed(digest, each, functions)

    code = getattr(part, "__code__", None)
    if part is None or isinstance(part, (str, int, float, bool, bytes)):
        digest.update(repr(part).encode())
    elif code is not None:
        digest.update(f"{part.__module__}.{part.__qualname__}".encode() + code.co_code)
        if any(part is function for function in functions):
            return
        functions = (*functions, part)
        feed(constant for constant in code.co_consts if not hasattr(constant, "co_code"))
        feed(part.__defaults__ or ())
        feed(cell.cell_contents for cell in part.__closure__ or ())
    elif isinstance(part, partial):
        feed([part.func, part.args, part.keywords])
    elif isinstance(part, np.ndarray):
        digest.update(str((part.dtype, part.shape)).encode() + np.ascontiguousarray(part).tobytes())
    elif hasattr(part, "indptr"):
        feed([part.shape, part.indptr, part.indices, part.data])
    elif isinstance(part, dict):
        feed(each for item in part.items() for each in item)
    elif isinstance(part, (list, tuple)):
        digest.update(str(len(part)).encode())
        feed(part)
    elif hasattr(part, "__dataclass_fields__"):
        digest.update(type(part).__qualname__.encode())
        feed(getattr(part, name) for name in part.__dataclass_fields__)
    else:
        digest.update(type(part).__qualname__.encode())
