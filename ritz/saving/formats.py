"""Writing and reading of solutions; the suffix of the file says how."""

from __future__ import annotations

import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.extras import require
from ritz.files import check_folder, write_atomically
from ritz.saving.contents import contents

__all__ = ["READABLE", "read_arrays", "save_solution"]

READABLE = (".npz", ".h5", ".nc")
VIEWED = (".vtu", ".xdmf", ".vti")


def save_solution(solution: Any, path: str | os.PathLike[str]) -> Path:
    """Write a solution to a file; see `Solution.save`."""
    path = check_folder(path)
    suffix = path.suffix.lower()
    if suffix in VIEWED:
        from ritz.saving.viewers import viewer_file

        return write_atomically(path, viewer_file(solution, suffix))
    if suffix not in READABLE:
        raise InvalidProblem(
            f"path is {str(path)!r}, and {path.suffix!r} is no known format: use {', '.join(READABLE)} (read back by"
            f" ritz.load) or {', '.join(VIEWED)} (for viewers)"
        )
    return write_atomically(path, {".npz": _npz, ".h5": _h5, ".nc": _netcdf}[suffix](solution))


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and facts of a file, as its suffix says how."""
    return {".npz": _read_npz, ".h5": _read_h5, ".nc": _read_netcdf}[path.suffix.lower()](path)


def _npz(solution: Any) -> bytes:
    arrays, facts = contents(solution)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays, facts=np.array(json.dumps(facts)))  # pyright: ignore
    return buffer.getvalue()


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop("facts", "{}")))


def _h5(solution: Any) -> bytes:
    h5py = require("h5py", "files")
    arrays, facts = contents(solution)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, **({"compression": "gzip"} if values.size > 1000 else {}))
        file.attrs["facts"] = json.dumps(facts)
    return buffer.getvalue()


def _read_h5(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with require("h5py", "files").File(path, "r") as file:
        arrays = {name: np.asarray(file[name]) for name in file}
        return arrays, json.loads(file.attrs.get("facts", "{}"))


def _netcdf(solution: Any) -> bytes:
    from ritz.saving.labelled import to_xarray

    require("h5netcdf", "files")
    arrays, _ = contents(solution)
    if any(np.iscomplexobj(values) for values in arrays.values()):
        raise InvalidProblem("x is complex, which netCDF does not hold: use .npz or .h5")
    data = to_xarray(solution)
    for name, values in arrays.items():  # what makes the solution, besides what xarray shows
        data[f"ritz_{name}"] = ([f"{name}_{axis}" for axis in range(values.ndim)], values)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "solution.nc"
        data.to_netcdf(made, engine="h5netcdf")
        return made.read_bytes()


def _read_netcdf(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    require("h5netcdf", "files")
    with require("xarray", "files").open_dataset(path, engine="h5netcdf") as data:
        arrays = {str(name)[5:]: data[name].values for name in data.variables if str(name).startswith("ritz_")}
        return arrays, json.loads(data.attrs.get("facts", "{}"))
