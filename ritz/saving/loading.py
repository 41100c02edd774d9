"""Solutions read back from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.saving.contents import FORMAT
from ritz.saving.formats import READABLE, read_arrays
from ritz.solution import Solution, Status

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Solution:
    """Read a solution that ``solution.save`` wrote as ``.npz``, ``.h5`` or ``.nc``.

    Parameters
    ----------
    path : path

    Returns
    -------
    Solution
        With `x`, `grid`, `history`, `status`, `timings`, and those `stats` that are numbers or text. What belongs to
        special kinds of solutions is not read: of a trajectory the last state is, of a posterior the mean.

    Raises
    ------
    InvalidProblem
        For another suffix, and for files that Ritz did not write or that are damaged.
    FileNotFoundError
    MissingExtra
        Without h5py or xarray: ``pip install 'ritz[files]'``.

    Examples
    --------
    >>> import numpy as np, ritz, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = ritz.solve(np.diag([1.0, 2.0]), np.ones(2)).save(Path(folder) / "u.npz")
    ...     ritz.load(file).x.round(12).tolist()
    [1.0, 0.5]
    """
    path = Path(path)
    if path.suffix.lower() not in READABLE:
        raise InvalidProblem(f"path is {str(path)!r}; ritz.load reads {', '.join(READABLE)}, not {path.suffix!r}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        arrays, facts = read_arrays(path)
    except ImportError:
        raise
    except Exception as error:  # NumPy, HDF5 and netCDF fail in many ways
        raise InvalidProblem(f"path is {str(path)!r}, which cannot be read: {error or type(error).__name__}") from error
    return _solution(arrays, facts, str(path))


def _solution(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], path: str) -> Solution:
    """Return the solution of arrays and facts read from a file."""
    if facts.get("ritz") != FORMAT or not {"x", "history"} <= set(arrays):
        raise InvalidProblem(f"path is {path!r}, which is no solution that this version of Ritz saved")
    axes = [arrays[f"axis{number}"] for number in range(len(arrays)) if f"axis{number}" in arrays]
    solid = arrays.get("solid")
    return Solution(
        x=arrays["x"],
        status=Status[facts["status"]],
        iterations=int(facts["iterations"]),
        residual=float("nan") if facts["residual"] is None else float(facts["residual"]),
        history=arrays["history"],
        timings=facts["timings"],
        stats=facts["stats"],
        solver=facts["solver"],
        grid=Grid(tuple(axes), None if solid is None else solid.astype(bool)) if axes else None,
    )
