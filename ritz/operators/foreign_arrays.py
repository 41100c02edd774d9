"""Arrays and matrices from outside: plain arrays, and sparse ones with indices that compiled loops can trust."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse

from ritz.backend import is_torch_array
from ritz.errors import InvalidProblem

__all__ = ["as_csr", "as_plain", "from_tensor"]


def as_plain(given: Any, name: str) -> np.ndarray:
    """Return a dense array as a plain ndarray in the machine's byte order, sharing memory where possible.

    Raises
    ------
    InvalidProblem
        For sparse arrays, masked entries, and whatever NumPy cannot read.
    """
    if issparse(given):
        raise InvalidProblem(f"{name} is a sparse {type(given).__name__} of shape {given.shape}; give {name}.toarray()")
    if np.ma.is_masked(given):
        raise InvalidProblem(f"{name} has masked entries; fill them in or leave them out ({name}.filled(value))")
    try:
        values = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise InvalidProblem(f"{name} is a {type(given).__name__} that cannot be read as an array: {error}") from None
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def as_csr(given: Any, name: str = "operator") -> csr_array:
    """Return a matrix as a CSR array with sorted indices that are known to lie within its shape, and no duplicates.

    Parameters
    ----------
    given : SciPy sparse array or matrix, array, or torch tensor, dense or sparse, shape (m, n)
        Never changed. CSR arrays with sorted indices share their memory with the result, others are copied.
    name : str
        Name of the argument, for the error message.

    Raises
    ------
    InvalidProblem
        If it is no matrix, or if its arrays contradict each other: indices out of range, row pointers that decrease,
        arrays of different lengths.

    Examples
    --------
    >>> as_csr([[0.0, 2.0], [0.0, 0.0]]).indices.tolist()
    [1]
    >>> outside = csr_array((np.ones(2), np.array([1, 2]), np.array([0, 1, 2])), shape=(2, 2))
    >>> as_csr(outside)
    Traceback (most recent call last):
    ...
    ritz.errors.InvalidProblem: operator is a damaged sparse matrix: a column index is 2, and there are 2 columns
    """
    kind = type(given).__name__
    if is_torch_array(given):
        given = from_tensor(given, name)
    try:
        if not issparse(given):
            given = as_plain(given, name)
            if given.dtype.kind not in "biufc":
                raise InvalidProblem(f"{name} is a {kind} that cannot be read as a matrix of numbers")
        if given.ndim != 2:
            raise InvalidProblem(f"{name} has shape {given.shape}; it must be a matrix, with two dimensions")
        if not issparse(given):
            return csr_array(given)
        _check(given, name)
        if not given.dtype.isnative:
            given = given.astype(given.dtype.newbyteorder("="))
        matrix: Any = csr_array(given)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidProblem):
            raise
        raise InvalidProblem(f"{name} cannot be read as a matrix: {error}") from None
    if given.format == "lil":
        _check(matrix, name)
    if matrix.data.size > matrix.nnz:  # room for more entries, whose content is arbitrary
        parts = matrix.data[: matrix.nnz], matrix.indices[: matrix.nnz], matrix.indptr
        matrix = csr_array(parts, shape=matrix.shape)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()  # otherwise whatever sorts the indices later would sort those of the caller
        matrix.sum_duplicates()
    return matrix


def _check(matrix: Any, name: str) -> None:
    """Raise `InvalidProblem` if the index arrays of a SciPy sparse matrix do not fit its shape and its entries."""
    kind, (rows, columns) = matrix.format, matrix.shape
    if kind in ("csr", "csc", "bsr"):
        height, width = matrix.blocksize if kind == "bsr" else (1, 1)
        bounds = {"column": columns // width, "row": rows // height}
        minor, major = ("row", "column") if kind == "csc" else ("column", "row")
        starts, indices = matrix.indptr, matrix.indices
        _require(starts.ndim == indices.ndim == 1, name, "its index arrays have more than one dimension")
        _require(starts.size == bounds[major] + 1, name, f"it has {starts.size} {major} pointers")
        _require(int(starts[0]) == 0, name, f"its {major} pointers start at {starts[0]}")
        _require(not (starts[1:] < starts[:-1]).any(), name, f"its {major} pointers decrease")
        lengths = int(starts[-1]), indices.size, matrix.data.shape[0]
        fit = lengths[0] <= lengths[1] == lengths[2]
        _require(fit, name, "it has {} entries by its pointers, {} indices and {} values".format(*lengths))
        _check_range(name, minor, indices[: lengths[0]], bounds[minor])
    elif kind == "coo":
        lengths = {part.size for part in (matrix.data, *matrix.coords)}
        _require(len(lengths) == 1, name, "it has as many indices as values only in part")
        for axis, indices, bound in zip(("row", "column"), matrix.coords, matrix.shape, strict=True):
            _check_range(name, axis, indices, bound)
    elif kind == "dia":
        given, known = matrix.offsets.size, matrix.data.shape[0]
        _require(given == known, name, f"it has {given} offsets and {known} diagonals")
    elif kind == "lil":
        pairs = zip(matrix.rows, matrix.data, strict=True)
        _require(all(len(inside) == len(values) for inside, values in pairs), name, "a row lacks indices or values")


def _check_range(name: str, axis: str, indices: np.ndarray, bound: int) -> None:
    if not indices.size:
        return
    _require(indices.dtype.kind in "iu", name, f"its {axis} indices have dtype {indices.dtype}")
    for index in (int(indices.max()), int(indices.min())):
        _require(0 <= index < bound, name, f"a {axis} index is {index}, and there are {bound} {axis}s")


def _require(holds: bool, name: str, fault: str) -> None:
    if not holds:
        raise InvalidProblem(f"{name} is a damaged sparse matrix: {fault}")


def from_tensor(tensor: Any, name: str) -> Any:
    """Return a torch tensor as a NumPy or a SciPy COO array."""
    import torch

    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:  # NumPy has no bfloat16
        tensor = tensor.half()
    if tensor.layout == torch.strided:
        return tensor.numpy()
    try:
        if tensor.layout == torch.sparse_coo:
            parts = tensor._indices(), tensor._values()
            torch.sparse_coo_tensor(*parts, tensor.shape, check_invariants=True)
        else:
            by_rows = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
            starts = tensor.crow_indices() if by_rows else tensor.ccol_indices()
            parts = starts, tensor.col_indices() if by_rows else tensor.row_indices(), tensor.values()
            torch.sparse_compressed_tensor(*parts, tensor.shape, layout=tensor.layout, check_invariants=True)
            tensor = tensor.to_sparse_coo()
        return coo_array((tensor._values().numpy(), tuple(tensor._indices().numpy())), shape=tuple(tensor.shape))
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidProblem(f"{name} is a damaged sparse tensor: {error}") from None
