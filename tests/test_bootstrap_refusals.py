"""What bootstrap multigrid refuses."""

from __future__ import annotations

import numpy as np
import pytest

import ritz
from ritz.errors import InvalidProblem
from ritz.solvers.multigrid import bootstrap


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        (np.array([[2.0, 1.0], [0.0, 2.0]]), {}, "needs a symmetric operator"),
        (np.eye(3), {"smooth_vector": np.ones(2)}, r"smooth_vector has shape \(2,\); it must be \(3,\)"),
        (np.eye(3), {"smooth_vector": np.zeros(3)}, "smooth_vector is zero"),
        (np.eye(3), {"smooth_vector": [1.0, np.nan, 1.0]}, "smooth_vector has entries that are NaN"),
        (np.eye(3), {"aggregate_size": 3}, "aggregate_size is 3; it must be 2, 4 or 8"),
        (np.eye(3), {"target_rate": 1.5}, "target_rate is 1.5; it must be at least 0 and at most 1"),
        (np.eye(3), {"target_rate": "low"}, "target_rate is 'low'; it must be a finite number"),
        (np.eye(3), {"max_hierarchies": 0}, "max_hierarchies is 0; it must be an integer of at least 1"),
        (np.eye(3), {"trials": 2.5}, "trials is 2.5; it must be an integer of at least 1"),
        (np.eye(3), {"seed": -1}, "seed is -1; it must be an integer of at least 0"),
    ],
)
def test_refusals(matrix, options, message):
    with pytest.raises(InvalidProblem, match=message):
        bootstrap(matrix, **options)


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("composition", "parallel", "known: additive, multiplicative, symmetrised"),
        ("cycle", "F", "known: K, V, W"),
        ("smoother", "sor", "known: chebyshev, gauss-seidel, l1-jacobi"),
        ("prolongation", "ideal", "known: plain, smoothed"),
    ],
)
def test_unknown_choices_are_refused(option, value, known):
    with pytest.raises(ritz.errors.UnknownName, match=f"unknown {option} '{value}'; {known}"):
        bootstrap(np.eye(3), **{option: value})


def test_refusals_of_the_solver():
    with pytest.raises(ritz.errors.UnknownName, match="unknown acceleration 'gmres'; known: cg, none"):
        ritz.solve(np.eye(2), np.ones(2), "bootstrap-amg", acceleration="gmres")
    with pytest.raises(ritz.errors.UnknownOption, match="max_hierarchies"):
        ritz.solve(np.eye(2), np.ones(2), "bootstrap-amg", max_hierarchy=2)
    with pytest.raises(InvalidProblem, match="NaN"):
        ritz.solve(np.array([[np.nan]]), np.ones(1), "bootstrap-amg")
