"""NumPy and torch behind one set of names, and the few vector kernels every iteration is made of.

Methods are written once against these functions. A vector is ``(n,)``; a block of vectors is ``(n, k)``, one
column a vector, and every reduction below then gives one number a column.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, is_torch_array

__all__ = [
    "Array",
    "add_scaled",
    "asarray_like",
    "column_inner",
    "column_norm",
    "copy",
    "is_torch_array",
    "machine_epsilon",
    "namespace",
    "numpy_dtype",
    "scale_and_add",
    "to_numpy",
]

Array: TypeAlias = Any  # a NumPy array or a torch tensor


def namespace(x: Array) -> Any:
    """Return the array-API namespace of `x`."""
    return array_namespace(x)


def to_numpy(x: Array) -> np.ndarray:
    """Return `x` as a NumPy array, sharing memory where that is possible."""
    if is_torch_array(x):
        return x.detach().cpu().numpy()
    return np.asarray(x)


def asarray_like(values: Any, reference: Array) -> Array:
    """Return `values` as an array of the kind, dtype and device of `reference`, sharing memory where possible."""
    if is_torch_array(reference):
        import torch

        return torch.as_tensor(values, dtype=reference.dtype, device=reference.device)
    return np.asarray(to_numpy(values), dtype=reference.dtype)


def numpy_dtype(x: Array) -> np.dtype:
    """Return the NumPy dtype that corresponds to that of `x`."""
    if is_torch_array(x):
        return np.dtype(str(x.dtype).removeprefix("torch."))
    return np.dtype(x.dtype)


def machine_epsilon(dtype: Any) -> float:
    """Return the spacing of floating-point numbers of a NumPy `dtype` at one."""
    return float(np.finfo(dtype).eps)


def copy(x: Array) -> Array:
    """Return a copy of `x` in its own memory, laid out row by row."""
    return x.detach().clone() if is_torch_array(x) else np.array(x, order="C")


def column_inner(x: Array, y: Array) -> Any:
    """Return the inner product of `x` and `y`: a float for vectors, ``(k,)`` for blocks."""
    if x.ndim == 1:
        return float(x @ y)
    if is_torch_array(x):
        return (x * y).sum(dim=0)
    return np.einsum("ij,ij->j", x, y)


def column_norm(x: Array) -> Any:
    """Return the Euclidean norm of `x`: a float for vectors, ``(k,)`` for blocks; safe against overflow."""
    if x.ndim == 1:
        return float(namespace(x).linalg.vector_norm(x)) if is_torch_array(x) else float(_nrm2(x))
    return namespace(x).linalg.vector_norm(x, axis=0)


def add_scaled(y: Array, scale: Any, x: Array) -> Array:
    """Add ``scale * x`` to `y` in place and return it; `scale` is a number, or ``(k,)`` for blocks."""
    if is_torch_array(y):
        return y.add_(x * scale) if y.ndim == 2 else y.add_(x, alpha=float(scale))
    if y.ndim == 1 and _blas_takes(y, x):
        return _blas("axpy", y.dtype)(x, y, a=scale)
    y += scale * x
    return y


def scale_and_add(y: Array, scale: Any, x: Array) -> Array:
    """Replace `y` by ``scale * y + x`` in place and return it."""
    y *= scale
    y += x
    return y


def _nrm2(x: np.ndarray) -> float:
    if _blas_takes(x):
        return _blas("nrm2", x.dtype)(x)
    return float(np.linalg.norm(x))


def _blas_takes(*arrays: np.ndarray) -> bool:
    first = arrays[0]
    return first.dtype.char in "fd" and all(a.dtype == first.dtype and a.flags.c_contiguous for a in arrays)


def _blas(name: str, dtype: np.dtype) -> Any:
    from scipy.linalg import blas

    return getattr(blas, dtype.char.replace("f", "s") + name)
