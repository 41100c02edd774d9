"""NumPy and torch behind one set of names, and the few vector operations that every iteration consists of.

Methods are written once, against these functions. A vector has shape ``(n,)``; a block of vectors has shape
``(n, k)``, one vector per column, and every reduction below then returns one number per column.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from array_api_compat import array_namespace, is_torch_array

__all__ = [
    "Array",
    "add_scaled",
    "advance",
    "asarray_like",
    "cast",
    "column_inner",
    "column_norm",
    "compiled_loops_pay",
    "copy",
    "is_torch_array",
    "machine_epsilon",
    "namespace",
    "numpy_dtype",
    "requires_gradient",
    "scale_and_add",
    "single_blas_thread",
    "single_torch_thread",
    "to_numpy",
    "without_warnings",
]

Array: TypeAlias = Any  # a NumPy array or a torch tensor

LONG = 10_000  # entries from which compiled updates save more than the call costs
LOADING = 4e8  # bytes that products by SciPy move while Numba and a kernel are loaded, about 0.2 s

_moved = 0.0  # by products while Numba was not loaded


def namespace(x: Array) -> Any:
    """Return the array-API namespace of `x`."""
    return array_namespace(x)


def to_numpy(x: Array) -> np.ndarray:
    """Return `x` as a NumPy array, sharing memory where possible."""
    if is_torch_array(x):
        return x.detach().cpu().numpy()
    return np.asarray(x)


def asarray_like(values: Any, reference: Array) -> Array:
    """Return `values` as an array of the same kind, dtype and device as `reference`, sharing memory where possible."""
    if is_torch_array(reference):
        import torch

        if isinstance(values, np.ndarray) and (not values.flags.writeable or min(values.strides, default=0) < 0):
            values = values.copy()  # torch cannot share such memory
        return torch.as_tensor(values, dtype=reference.dtype, device=reference.device)
    return np.asarray(to_numpy(values), dtype=reference.dtype)


def numpy_dtype(x: Array) -> np.dtype:
    """Return the dtype of `x` as a NumPy dtype."""
    if is_torch_array(x):
        return np.dtype(str(x.dtype).removeprefix("torch."))
    return np.dtype(x.dtype)


def requires_gradient(x: Any) -> bool:
    """Return whether torch is asked for gradients with respect to `x`."""
    if not (is_torch_array(x) and x.requires_grad):
        return False
    import torch

    return torch.is_grad_enabled()


def machine_epsilon(dtype: Any) -> float:
    """Return the machine epsilon of a NumPy `dtype`: the distance from 1 to the next larger number."""
    return float(np.finfo(dtype).eps)


def cast(x: Array, dtype: Any) -> Array:
    """Return `x` converted to a NumPy `dtype`, or `x` itself if it has that dtype already."""
    if is_torch_array(x):
        import torch

        return x.to(getattr(torch, np.dtype(dtype).name))
    return x.astype(dtype, copy=False)


def copy(x: Array) -> Array:
    """Return a copy of `x`; NumPy blocks are laid out column by column."""
    return x.detach().clone() if is_torch_array(x) else np.array(x, order="F")


def column_inner(x: Array, y: Array) -> Any:
    """Return the inner product of `x` and `y`: a float for vectors, ``(k,)`` for blocks."""
    if isinstance(x, np.ndarray):
        return float(x.dot(y)) if x.ndim == 1 else np.vecdot(x, y, axis=0)  # pyright: ignore[reportCallIssue]
    return x.dot(y).item() if x.ndim == 1 else (x * y).sum(dim=0)


def column_norm(x: Array) -> Any:
    """Return the Euclidean norm of `x`: for vectors a float, safe against overflow; for blocks ``(k,)``."""
    squared = column_inner(x, x)
    if x.ndim == 2:
        return squared**0.5
    if 1e-28 < squared < 1e36:  # no square overflowed or underflowed, not even in float32
        return math.sqrt(squared)
    largest = float(abs(x).max())
    if not 0.0 < largest < math.inf:
        return largest
    x = x / largest
    return largest * math.sqrt(column_inner(x, x))


def add_scaled(y: Array, scale: Any, x: Array) -> Array:
    """Add ``scale * x`` to `y` in place and return it; `scale` is a number, or ``(k,)`` for blocks."""
    if isinstance(y, np.ndarray):
        blas = _blas(y)
        if blas is not None:
            return blas.axpy(x, y, a=scale)
        y += scale * x
        return y
    return y.add_(x * scale) if y.ndim == 2 else y.add_(x, alpha=scale)


def advance(x: Array, r: Array, step: Any, p: Array, q: Array) -> None:
    """Add ``step * p`` to `x` and subtract ``step * q`` from `r`, both in place; `q` may be overwritten.

    The product is rounded before it is subtracted, as in SciPy's solvers but not in BLAS. Residuals updated this way
    follow the same course as SciPy's, which makes a difference over thousands of iterations.
    """
    if _in_compiled_loops(x, r, p, q):
        from ritz.kernels.parallel_chunks import in_parallel_chunks
        from ritz.kernels.updates import advance as kernel

        in_parallel_chunks(kernel, x.size, 6 * x.nbytes, x, r, x.dtype.type(step), p, q)
        return
    add_scaled(x, step, p)
    q *= step
    r -= q


def scale_and_add(y: Array, scale: Any, x: Array) -> Array:
    """Replace `y` by ``scale * y + x`` in place and return it; `scale` is a number, or ``(k,)`` for blocks."""
    if _in_compiled_loops(y, x):
        from ritz.kernels.parallel_chunks import in_parallel_chunks
        from ritz.kernels.updates import scale_and_add as kernel

        in_parallel_chunks(kernel, y.size, 3 * y.nbytes, y, y.dtype.type(scale), x)
        return y
    if isinstance(y, np.ndarray):
        blas = _blas(y)
        if blas is not None:
            return blas.axpy(x, blas.scal(scale, y))
    y *= scale
    y += x
    return y


def single_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS runs on one thread.

    Vector operations are bound by memory bandwidth, so more threads gain nothing. NumPy and SciPy each bring a BLAS
    with a thread pool of its own, and the two pools spin while waiting for each other: on a machine with two busy
    cores, alternating between them was measured to be up to a hundred times slower. Entering the context takes about
    20 microseconds.
    """
    return _one_blas_thread


def without_warnings() -> AbstractContextManager[Any]:
    """Return a context in which no warnings are shown."""
    return _no_warnings


@contextmanager
def single_torch_thread() -> Generator[None]:
    """Return a context in which torch runs on one thread, which suits arrays of a few hundred rows best.

    On a machine with two busy cores, several threads were measured to be twenty times slower.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Shared:
    """A setting of the whole process for which several threads may ask: the first makes it, and the last undoes it."""

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]):
        self._make, self._lock, self._holders = make, threading.Lock(), 0
        if hasattr(os, "register_at_fork"):  # otherwise a child might find the lock taken for ever
            release = self._lock.release
            os.register_at_fork(before=self._lock.acquire, after_in_parent=release, after_in_child=release)

    def __enter__(self) -> None:
        with self._lock:
            if not self._holders:
                self._setting = self._make()
                self._setting.__enter__()
            self._holders += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self._setting.__exit__(None, None, None)


@cache
def _blas_pools() -> Any:
    from threadpoolctl import ThreadpoolController

    _load_blas("d")  # otherwise SciPy's BLAS might not be loaded yet, and would not be found
    return ThreadpoolController()


_one_blas_thread = _Shared(lambda: _blas_pools().limit(limits=1, user_api="blas"))
_no_warnings = _Shared(lambda: warnings.catch_warnings(record=True, action="ignore"))


def _in_compiled_loops(*vectors: Array) -> bool:
    """Return whether vectors are long and Numba is loaded already; loading it here would cost more than it saves."""
    return "ritz.kernels.parallel_chunks" in sys.modules and all(
        isinstance(x, np.ndarray)
        and x.ndim == 1
        and x.size >= LONG
        and x.flags.c_contiguous
        and x.dtype.char in "fd"
        and x.dtype == vectors[0].dtype
        for x in vectors
    )


def compiled_loops_pay(moved: float) -> bool:
    """Return whether to use compiled loops next: Numba is loaded, or loading it would have paid by now.

    A script that needs a few products is done before Numba is imported.

    Parameters
    ----------
    moved : float
        Bytes that the next product moves without compiled loops.
    """
    global _moved
    if "ritz.kernels.parallel_chunks" in sys.modules:
        return True
    _moved += moved
    return _moved > LOADING


class _Blas(NamedTuple):
    axpy: Any
    scal: Any


def _blas(y: np.ndarray) -> _Blas | None:
    """Return the BLAS functions that update `y` in place, or None if BLAS would work on a copy."""
    if y.ndim == 1 and y.flags.c_contiguous and y.dtype.char in "fd":
        return _load_blas(y.dtype.char)
    return None


@cache
def _load_blas(character: str) -> _Blas:
    from scipy.linalg import get_blas_funcs

    return _Blas(*get_blas_funcs(("axpy", "scal"), dtype=np.dtype(character)))
