"""Projection errors of local bases on evolution equations, as predicted by the criterion and as measured."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Suite

from .local_bases import Cases, plot, run, summary

TRAINING, TEST = 60, 40  # numbers of trajectories
TRANSIENT: Cases = {
    "burgers": {},
    "laser-track": {"shape": (31, 31)},
    "allen-cahn": {"shape": (32, 32)},
}
QUICK: Cases = {"burgers": {"shape": (64,), "steps": 20}}


def _run(quick: bool) -> list[dict[str, Any]]:
    return run(True, SUITE.name, QUICK, (12, 6)) if quick else run(False, SUITE.name, TRANSIENT, (TRAINING, TEST))


SUITE = Suite("local-bases-transient", "What do local bases gain on trajectories?", _run, summary, plot)
