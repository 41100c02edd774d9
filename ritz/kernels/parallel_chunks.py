"""Compiled kernels on several threads: each works on one chunk at a time, and the sums of chunks are added in order."""

from __future__ import annotations

import os
import threading
from _thread import LockType, allocate_lock
from queue import SimpleQueue
from typing import Any

import numba

__all__ = ["in_parallel_chunks", "thread_limit", "worth_threads"]

# Least bytes a chunk must move: waking a thread takes as long as moving some megabytes within a cache.
CHUNK_BYTES = 1 << 23


def in_parallel_chunks(kernel: Any, items: int, work: int, *arguments: Any) -> Any:
    """Run ``kernel(first, last, *arguments)`` over all items, on as many threads as are worthwhile.

    Parameters
    ----------
    kernel : callable
        Compiled with ``nogil=True``. Works on the items from `first` up to `last`, whose results must not depend on
        those of other items.
    items : int
        Number of items, such as the rows of a matrix or the planes of a grid.
    work : int
        Bytes read and written in total, which decide on the number of threads. A kernel that spends longer on
        arithmetic than on moving data may state more.

    Returns
    -------
    None or float
        Sum of what the kernel returned for each chunk, from the first to the last. It depends on the number of chunks,
        which follows from `items`, `work` and `thread_limit`, but not on which thread ran which chunk.

    Notes
    -----
    The calling thread works too, and takes every chunk that no helper thread has started. Calls from several threads
    at once, or where no thread can be started, therefore get less help but the same result. When this function
    returns or raises, no chunk is running any more.
    """
    if work < 2 * CHUNK_BYTES or items < 2:
        return kernel(0, items, *arguments)
    chunks = min(items, work // CHUNK_BYTES, thread_limit())
    if chunks == 1:
        return kernel(0, items, *arguments)
    call = _ChunkedCall(kernel, [items * i // chunks for i in range(chunks + 1)], arguments)
    _helpers.help_with(call, chunks - 1)
    return call.run()


def worth_threads(work: int) -> bool:
    """Return whether `in_parallel_chunks` uses several threads to read and write `work` bytes."""
    return work >= 2 * CHUNK_BYTES and thread_limit() > 1


def thread_limit() -> int:
    """Return the number of threads that kernels may use.

    This is Numba's number of threads, set by `ritz.comparing.environment.pinned_threads`, ``numba.set_num_threads`` or
    ``NUMBA_NUM_THREADS``. Unless the latter is set, ``OMP_NUM_THREADS`` is an upper limit as well.
    """
    limit = numba.get_num_threads()
    if "NUMBA_NUM_THREADS" not in os.environ:
        wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list is for nested regions
        if wanted.isdecimal():
            limit = min(limit, max(1, int(wanted)))
    return limit


class _ChunkedCall:
    """The chunks of one call, which threads take until none is left."""

    def __init__(self, kernel: Any, bounds: list[int], arguments: tuple[Any, ...]):
        self._kernel, self._bounds, self._arguments = kernel, bounds, arguments
        self._values: list[Any] = [None] * (len(bounds) - 1)
        self._left = list(range(len(self._values)))[::-1]  # pop() and clear() are atomic
        self._begun: list[LockType] = []  # one for each chunk taken by a helper thread, released at its end
        self._ended: list[LockType] = []
        self._error: BaseException | None = None

    def _take(self) -> bool:
        try:
            chunk = self._left.pop()
        except IndexError:
            return False
        self._values[chunk] = self._kernel(self._bounds[chunk], self._bounds[chunk + 1], *self._arguments)
        return True

    def help(self) -> None:
        """Run chunks in a helper thread."""
        taken = True
        while taken:
            ended = allocate_lock()
            ended.acquire()
            self._begun.append(ended)  # before taking a chunk, so that the caller cannot miss it
            try:
                taken = self._take()
            except BaseException as error:
                self._left.clear()
                self._error, taken = error, False
            finally:
                self._ended.append(ended)
                ended.release()

    def run(self) -> Any:
        """Run chunks in the calling thread, wait for the other threads, and return the sum."""
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
                except BaseException as error:  # such as Ctrl-C, perhaps just after the lock was acquired
                    interrupt = error
        if interrupt is not None:
            raise interrupt


class _Helpers:
    """Threads that wait for calls to help with, started when first needed."""

    def __init__(self):
        self._calls: SimpleQueue[_ChunkedCall] = SimpleQueue()
        self._count = 0
        self._starting = threading.Lock()

    def help_with(self, call: _ChunkedCall, count: int) -> None:
        """Ask `count` threads to help with a call."""
        if self._count < count:
            self._start(count)
        for _ in range(min(count, self._count)):
            self._calls.put(call)

    def _start(self, count: int) -> None:
        with self._starting:
            while self._count < count:
                try:
                    threading.Thread(target=self._serve, name="ritz-chunks", daemon=True).start()
                except RuntimeError:  # out of threads, or the interpreter is shutting down: callers work alone
                    return
                self._count += 1

    def _serve(self) -> None:
        while True:
            call = self._calls.get()
            call.help()
            del call  # and its arrays


def _renew() -> None:
    global _helpers
    _helpers = _Helpers()  # threads do not survive a fork


_helpers = _Helpers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
