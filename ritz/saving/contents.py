"""What a solution consists of, whatever the format of the file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.files import to_json

__all__ = ["FORMAT", "contents", "fields_of"]

FORMAT = 1
DEVIATIONS = 200_000  # most nodes at which the standard deviation of a posterior is saved


def fields_of(solution: Any) -> dict[str, np.ndarray]:
    """Return the fields of a solution by name, shape (n,), or (n, d) for vectors on a mesh.

    A trajectory gives those of the last time; several right-hand sides give one field each; of a posterior, the
    standard deviation is the second field.
    """
    if getattr(solution, "space", None) is not None:
        name = {"elasticity": "displacement", "stokes": "velocity"}.get(solution.space.equation, "u")
        found = {name: solution.values}
        return {**found, "pressure": solution.pressure} if name == "velocity" else found
    if getattr(solution, "evolution", None) is not None:
        last = float(solution.times[-1])
        return {name: np.ravel(solution.at(last, name)) for name in solution.fields}
    x = to_numpy(solution.x)
    if x.ndim == 2:
        return {f"u{column + 1}": x[:, column] for column in range(x.shape[1])}
    fields = {"u": x}
    if getattr(solution, "posterior", None) is not None and solution.grid is not None and x.size <= DEVIATIONS:
        points = np.stack(solution.grid.coordinates(), axis=1)
        fields["standard_deviation"] = to_numpy(solution.standard_deviation(points))
    return fields


def contents(solution: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a solution, and the rest of it as JSON values."""
    arrays = {"x": to_numpy(solution.x), "history": np.asarray(solution.history)}
    if solution.grid is not None:
        arrays |= {f"axis{number}": np.asarray(axis) for number, axis in enumerate(solution.grid.axes)}
        if solution.grid.solid is not None:
            arrays["solid"] = np.asarray(solution.grid.solid)
    if getattr(solution, "evolution", None) is not None:
        arrays |= {"times": solution.times, "states": solution.states}
    if getattr(solution, "space", None) is not None:
        mesh = solution.space.tagged.mesh
        arrays |= {"points": mesh.p.T, "cells": mesh.t.T, **fields_of(solution)}
    facts = {
        "ritz": FORMAT,
        "status": solution.status.name,
        "iterations": solution.iterations,
        "residual": solution.residual,
        "solver": solution.solver,
        "timings": dict(solution.timings),
        "stats": {key: value for key, value in solution.stats.items() if _is_small(value)},
    }
    return arrays, json.loads(to_json(facts))


def _is_small(value: Any) -> bool:
    return isinstance(value, (str, bool, int, float, np.number)) or (
        isinstance(value, (list, tuple, dict)) and len(value) < 100
    )
