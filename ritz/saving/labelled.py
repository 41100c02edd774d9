"""Solutions as data sets of xarray."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ritz.extras import require
from ritz.saving.contents import contents, fields_of

__all__ = ["to_xarray"]

NAMES = "xyz"


def to_xarray(solution: Any) -> Any:
    """Return a solution as an ``xarray.Dataset``; see `Solution.to_xarray`."""
    xarray = require("xarray", "files")
    grid = solution.grid
    facts = contents(solution)[1]
    coordinates: dict[str, Any] = {}
    if grid is not None:
        axes = list(NAMES[: grid.dimension]) if grid.dimension <= 3 else [f"x{i + 1}" for i in range(grid.dimension)]
        coordinates = dict(zip(axes, grid.axes, strict=True))
        shown = {name: (axes, grid.field(values)) for name, values in fields_of(solution).items()}
        if getattr(solution, "evolution", None) is not None:
            coordinates = {"time": solution.times, **coordinates}
            shown = {
                name: (["time", *axes], np.stack([grid.field(solution.at(float(t), name)) for t in solution.times]))
                for name in solution.fields
            }
    elif getattr(solution, "space", None) is not None:
        points = solution.points
        coordinates = {NAMES[axis]: ("node", points[:, axis]) for axis in range(points.shape[1])}
        shown = {name: (["node", "component"][: values.ndim], values) for name, values in fields_of(solution).items()}
    elif getattr(solution, "evolution", None) is not None:
        coordinates = {"time": solution.times}
        states = {name: np.stack([solution.at(float(t), name) for t in solution.times]) for name in solution.fields}
        shown = {name: (["time", "index"], values) for name, values in states.items()}
    else:
        shown = {name: (["index"], values) for name, values in fields_of(solution).items()}
    attributes = {
        "solver": solution.solver,
        "status": solution.status.name,
        "residual": solution.residual,
        "facts": json.dumps(facts),
    }
    return xarray.Dataset(shown, coords=coordinates, attrs=attributes)
