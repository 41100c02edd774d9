"""Snapshots of parametric problems for figures on reduced bases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ritz.problem_types.parametric.snapshots import Snapshots
from ritz.registry import problems

__all__ = ["CASES", "training_and_test"]

CASES: Mapping[str, Mapping[str, Any]] = {
    "two-materials": {"shape": (48, 48)},
    "thermal-block": {"shape": (47, 47)},
    "moving-reaction": {"shape": (48, 48)},
    "rotating-wind": {"shape": (47, 47)},
    "helmholtz-lens": {"shape": (60, 60)},
    "perforated-plate": {},
    "lid-driven-cavity": {"shape": (31, 31)},
    "burgers": {"shape": (256,)},
    "laser-track": {"shape": (31, 31)},
    "allen-cahn": {"shape": (32, 32)},
}
"""Problems and their sizes in the figures."""


def training_and_test(name: str, quick: bool = False) -> tuple[Any, Snapshots, Snapshots]:
    """Return a problem, its training snapshots and its test snapshots.

    Parameters
    ----------
    name : str
        One of `CASES`.
    quick : bool
        Use a coarse grid and few snapshots.
    """
    arguments = dict(CASES[name])
    if quick and "shape" in arguments:
        arguments["shape"] = tuple(n // 2 for n in arguments["shape"])
    problem = problems[name](**arguments)
    counts = (60, 30) if problem.times is None else (15, 8)
    if not quick:
        counts = (300, 150) if problem.times is None else (60, 30)
    found = problem.snapshots(problem.sample(sum(counts)), keep=15)
    first = found.groups < counts[0]
    return problem, found.select(first), found.select(~first)
