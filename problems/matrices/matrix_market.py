"""Systems stored in Matrix Market files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ritz.arguments import check_seed
from ritz.errors import InvalidProblem
from ritz.operators import aslinearoperator
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

from ..reference import random_reference, system_from_reference
from ..stored_matrices import read_matrix_market

__all__ = ["matrix_market"]


@problems.register("matrix_market")
def matrix_market(
    path: str | PathLike[str], rhs: str | PathLike[str] | np.ndarray | None = None, *, seed: int = 0
) -> LinearSystem:
    """Return a system read from Matrix Market files :cite:`BoisvertPozoRemington1996`.

    Parameters
    ----------
    path : str or path
        A real or integer square matrix, ``.mtx`` or ``.mtx.gz``, in coordinate or array format, of any symmetry.
    rhs : str, path or ndarray, optional
        Right-hand side, as another Matrix Market file or as an array of shape (n,) or (n, k). By default it is the
        product of the matrix with a seeded standard normal vector, the reference solution.
    seed : int
        Seed of the reference solution.

    Returns
    -------
    LinearSystem
        ``exact`` solves the system itself; it is None if `rhs` is given. The name is that of the file.

    Raises
    ------
    InvalidProblem
        For a file that is missing or malformed, claims more entries than it could hold, or stores both triangles of a
        symmetric matrix; for a matrix that is complex, a pattern without values, or not square.

    Examples
    --------
    >>> import ritz, tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "small.mtx"
    >>> lines = "%%MatrixMarket matrix coordinate real symmetric", "2 2 3", "1 1 2", "2 1 -1", "2 2 2", ""
    >>> size = path.write_text(chr(10).join(lines))
    >>> ritz.problems.matrix_market(path).operator.to_dense().tolist()
    [[2.0, -1.0], [-1.0, 2.0]]
    """
    matrix = csr_array(_read(path, "path"))
    rows, width = matrix.shape  # pyright: ignore[reportGeneralTypeIssues]
    if rows != width:
        raise InvalidProblem(f"path {path} holds a {rows} x {width} matrix; a linear system needs a square one")
    operator = aslinearoperator(matrix.astype(np.float64))
    name = Path(path).name.removesuffix(".gz").removesuffix(".mtx")
    if rhs is None:
        return system_from_reference(operator, random_reference(rows, check_seed(seed)), name=name)
    if isinstance(rhs, (str, PathLike)):
        stored = _read(rhs, "rhs")
        columns = stored.toarray() if issparse(stored) else np.asarray(stored)
        return LinearSystem(operator, columns[:, 0] if columns.shape[1] == 1 else columns, name=name)
    return LinearSystem(operator, rhs, name=name)


def _read(path: Any, argument: str) -> Any:
    if not isinstance(path, (str, PathLike)):
        raise InvalidProblem(f"{argument} is a {type(path).__name__}; give the path of a .mtx or .mtx.gz file")
    if not Path(path).is_file():
        raise InvalidProblem(f"{argument} names no file: {path}")
    matrix, field = read_matrix_market(Path(path), argument)
    if field in ("complex", "pattern"):
        lack = "complex" if field == "complex" else "a pattern without values"
        raise InvalidProblem(f"{argument} {path} is {lack}; Ritz solves real systems")
    return matrix
