"""Results of a comparison, without any way to show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

from ritz.comparing.measurement import Measurement
from ritz.solution import Solution

__all__ = ["ComparisonResults"]


@dataclass(frozen=True, eq=False)
class ComparisonResults:
    """Measurements of several solvers on one problem; `ritz.comparing.comparison.Comparison` explains the fields."""

    measurements: tuple[Measurement, ...]
    problem: Mapping[str, Any]
    controls: Mapping[str, Any]
    baseline: str
    environment: Mapping[str, Any]
    solution: Solution | None = field(default=None, repr=False)

    def __getitem__(self, solver: str) -> Measurement:
        for row in self.measurements:
            if row.solver == solver:
                return row
        raise KeyError(solver)

    @property
    def name(self) -> str:
        """Name of the problem."""
        return self.problem["name"]

    @property
    def conditions(self) -> str:
        """Size of the problem, tolerances and threads, which are the same for every solver, on one line."""
        problem, controls, threads = self.problem, self.controls, self.environment["threads"]
        parts = [f"{problem['unknowns']:,} unknowns", problem["dtype"]] if problem["unknowns"] else []
        parts += [f"{problem['steps']} systems"] if problem["steps"] else []
        parts += [f"rtol {controls['rtol']:g}"] + ([f"atol {controls['atol']:g}"] if controls["atol"] else [])
        parts += [f"{threads} thread{'s' if threads > 1 else ''}" if threads else "threads not pinned"]
        return ", ".join([*parts, f"median of {controls['repeat']}"])

    def contents(self) -> dict[str, Any]:
        """Return everything but the solution as a dictionary, for JSON."""
        rows = []
        for row in self.measurements:
            content = {option.name: getattr(row, option.name) for option in fields(row)}
            content["status"] = row.status.name if row.status else None
            content["converged"] = row.converged
            for phase in ("prepare", "solve", "total"):
                content[phase] = _spread(getattr(row, phase))
            rows.append(content)
        return {
            "problem": self.problem,
            "controls": self.controls,
            "baseline": self.baseline,
            "measurements": rows,
            "environment": self.environment,
        }


def _spread(seconds: tuple[float, ...]) -> dict[str, Any] | None:
    if not seconds:
        return None
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds), "rounds": list(seconds)}
