"""Compiled kernels on several threads: each takes a slab of planes at a time, and their sums are added in order."""

from __future__ import annotations

import os
import threading
from _thread import LockType, allocate_lock
from queue import SimpleQueue
from typing import Any

import numba

__all__ = ["in_slabs", "thread_limit", "worth_threads"]

SLAB = (
    1 << 23
)  # bytes that a slab must move at least: waking a thread takes as long as moving some megabytes in a cache


def in_slabs(kernel: Any, planes: int, work: int, *arguments: Any) -> Any:
    """Run ``kernel(first, last, *arguments)`` over all planes, on as many threads as that is worth.

    Parameters
    ----------
    kernel : callable
        Compiled with ``nogil=True``. Works on the planes from `first` up to `last`, whose results must not depend on
        those of other planes.
    planes : int
        Planes (or rows, or chunks) that there are.
    work : int
        Bytes read and written in all, which decide on the number of threads. A kernel that computes longer than it
        moves data may say more.

    Returns
    -------
    None or float
        Sum of what the kernel returned for each slab, from the first to the last. It depends on the number of slabs,
        which follows from `planes`, `work` and `thread_limit`, but not on which thread took which.

    Notes
    -----
    The calling thread works too, and takes every slab that no helping thread has begun. So calls from several
    threads at once, or where no thread can be started, get less help and the same result. When this function returns
    or raises, no slab is running any more.
    """
    if work < 2 * SLAB or planes < 2:
        return kernel(0, planes, *arguments)
    slabs = min(planes, work // SLAB, thread_limit())
    if slabs == 1:
        return kernel(0, planes, *arguments)
    task = _Task(kernel, [planes * i // slabs for i in range(slabs + 1)], arguments)
    _helpers.call(task, slabs - 1)
    return task.run()


def worth_threads(work: int) -> bool:
    """Return whether `in_slabs` takes several threads to read and write so many bytes."""
    return work >= 2 * SLAB and thread_limit() > 1


def thread_limit() -> int:
    """Return how many threads kernels may use.

    It is Numba's number, set by `ritz.comparing.environment.pinned_threads`, ``numba.set_num_threads`` or
    ``NUMBA_NUM_THREADS``; without the latter, ``OMP_NUM_THREADS`` is an upper limit as well.
    """
    limit = numba.get_num_threads()
    if "NUMBA_NUM_THREADS" not in os.environ:
        wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list is for nested regions
        if wanted.isdecimal():
            limit = min(limit, max(1, int(wanted)))
    return limit


class _Task:
    """The slabs of one call, which threads take until none is left."""

    def __init__(self, kernel: Any, bounds: list[int], arguments: tuple[Any, ...]):
        self._kernel, self._bounds, self._arguments = kernel, bounds, arguments
        self._values: list[Any] = [None] * (len(bounds) - 1)
        self._left = list(range(len(self._values)))[::-1]  # pop() and clear() are atomic
        self._begun: list[LockType] = []  # one for each slab that a helping thread takes, released at its end
        self._ended: list[LockType] = []
        self._error: BaseException | None = None

    def _take(self) -> bool:
        try:
            slab = self._left.pop()
        except IndexError:
            return False
        self._values[slab] = self._kernel(self._bounds[slab], self._bounds[slab + 1], *self._arguments)
        return True

    def help(self) -> None:
        """Run slabs in a helping thread."""
        taken = True
        while taken:
            ended = allocate_lock()
            ended.acquire()
            self._begun.append(ended)  # before it takes a slab, so that the caller cannot miss it
            try:
                taken = self._take()
            except BaseException as error:
                self._left.clear()
                self._error, taken = error, False
            finally:
                self._ended.append(ended)
                ended.release()

    def run(self) -> Any:
        """Run slabs in the calling thread, wait for the others, and return the sum."""
        try:
            while self._take():
                pass
        finally:
            self._left.clear()
            self._wait()
        if self._error is not None:
            raise self._error
        total = self._values[0]
        for value in self._values[1:]:
            total = None if value is None else total + value
        return total

    def _wait(self) -> None:
        interrupt: BaseException | None = None
        for lock in self._begun:
            while lock not in self._ended:
                try:
                    lock.acquire()
                except BaseException as error:  # such as Ctrl-C, perhaps when the lock was acquired
                    interrupt = error
        if interrupt is not None:
            raise interrupt


class _Helpers:
    """Threads that wait for tasks, started when they are first needed."""

    def __init__(self):
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._count = 0
        self._starting = threading.Lock()

    def call(self, task: _Task, count: int) -> None:
        """Ask so many threads for help."""
        if self._count < count:
            self._start(count)
        for _ in range(min(count, self._count)):
            self._tasks.put(task)

    def _start(self, count: int) -> None:
        with self._starting:
            while self._count < count:
                try:
                    threading.Thread(target=self._serve, name="ritz-slabs", daemon=True).start()
                except RuntimeError:  # no more threads, or the interpreter is closing: callers work alone
                    return
                self._count += 1

    def _serve(self) -> None:
        while True:
            task = self._tasks.get()
            task.help()
            del task  # and its arrays


def _renew() -> None:
    global _helpers
    _helpers = _Helpers()  # threads do not survive a fork


_helpers = _Helpers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
