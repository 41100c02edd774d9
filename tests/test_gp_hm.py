"""Equations with solutions of high frequency: sources, data, and the grids they are compared at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ritz import PDE, InvalidProblem, UnknownName
from ritz.operators.stencils.boundary import side_names
from ritz.problem_types.pde.discretisation import difference_weights
from ritz.problem_types.pde.fields import evaluate
from ritz.problems import gp_hm

CASES = {
    **{
        f"poisson-1d {case}": lambda case=case, **k: gp_hm.poisson_1d(case, **k)
        for case in (
            *("single_sin", "mix_sin", "sin_cos", "x_time_sinx", "x2_add_sinx"),
            *("chirp", "bump", "layer", "tones"),
        )
    },
    **{
        f"poisson-2d {case}": lambda case=case, **k: gp_hm.poisson_2d(case, **k)
        for case in ("sin_sin", "sin_add_cos", "multiscale", "bump")
    },
    "poisson-3d": gp_hm.poisson_3d,
    **{
        f"allen-cahn-1d {case}": lambda case=case, **k: gp_hm.allen_cahn_1d(case, **k)
        for case in ("single_sin", "sin_cos")
    },
    **{f"allen-cahn-2d {case}": lambda case=case, **k: gp_hm.allen_cahn_2d(case, **k) for case in ("mixed", "cosines")},
    "advection": gp_hm.advection,
    "heat": gp_hm.heat,
    **{f"helmholtz {case}": lambda case=case, **k: gp_hm.helmholtz(case, **k) for case in ("standing", "plane")},
}


def inside(problem: PDE, count: int = 50) -> np.ndarray:
    """Return random points of the box, shape (d, count)."""
    lower, upper = np.array(problem.domain).T[:, :, None]
    return lower + (upper - lower) * np.random.default_rng(0).uniform(0.01, 0.99, (problem.dimension, count))


def derivative(function: Any, points: np.ndarray, index: tuple[int, ...], step: float) -> np.ndarray:
    """Return a derivative by eighth-order differences along one axis."""
    order = max(index)
    if order == 0:
        return function(*points)
    axis, offsets = index.index(order), tuple(range(-5, 6))
    shift = np.eye(len(points))[axis][:, None] * step
    weights = difference_weights(offsets, order)
    return sum(w * function(*(points + k * shift)) for w, k in zip(weights, offsets, strict=True)) / step**order


def test_every_case_has_its_grid():
    assert set(gp_hm.GRIDS) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_source_and_grid_belong_to_the_exact_solution(name: str):
    problem = CASES[name]()
    assert problem.name == name
    assert len(gp_hm.GRIDS[name]) == problem.dimension
    points = inside(problem)
    u = problem.exact(*points)
    terms = {index: evaluate("c", c, points) for index, c in problem.terms.items()}
    parts = [c * derivative(problem.exact, points, index, 2e-4) for index, c in terms.items()]
    left = sum(parts) + (0.0 if problem.reaction is None else problem.reaction[0](u))
    size = max(np.abs(part).max() for part in parts)
    np.testing.assert_allclose(evaluate("source", problem.source, points), left, atol=3e-6 * size)
    if problem.reaction is not None:
        slope = (problem.reaction[0](u + 1e-6) - problem.reaction[0](u - 1e-6)) / 2e-6
        np.testing.assert_allclose(problem.reaction[1](u), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_neumann_data_belong_to_the_exact_solution(name: str):
    problem = CASES[name](conditions="neumann")
    assert sorted(problem.slopes) == sorted(side_names(problem.dimension))
    for number, side in enumerate(side_names(problem.dimension)):
        axis, end = divmod(number, 2)
        points = inside(problem)
        points[axis] = problem.domain[axis][end]
        first = tuple(int(other == axis) for other in range(problem.dimension))
        expected = derivative(problem.exact, points, first, 2e-4) * (1 if end else -1)
        size = 1 + np.abs(expected).max()
        np.testing.assert_allclose(evaluate(side, problem.slopes[side], points), expected, atol=1e-7 * size)


def test_frequency_and_width_are_open():
    x = np.linspace(0, 1, 7)
    np.testing.assert_allclose(gp_hm.poisson_1d(frequency=7.0).exact(x), np.sin(7 * x))
    np.testing.assert_allclose(gp_hm.poisson_1d("layer", width=0.2).exact(x), np.tanh((x - 0.5) / 0.2))
    np.testing.assert_allclose(gp_hm.advection(speed=3.0).exact(x, x), np.sin(-2 * x))
    one, same, other = (gp_hm.poisson_1d("tones", seed=seed).exact(x) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize(
    ("build", "arguments", "said"),
    [
        (gp_hm.poisson_1d, {"case": "single_sine"}, "did you mean 'single_sin'"),
        (gp_hm.poisson_1d, {"frequency": -1.0}, "frequency is -1.0"),
        (gp_hm.poisson_2d, {"width": 0.0}, "width is 0.0"),
        (gp_hm.allen_cahn_2d, {"case": "mix"}, "did you mean 'mixed'"),
        (gp_hm.advection, {"speed": 0.0}, "speed is 0.0"),
        (gp_hm.helmholtz, {"wavenumber": np.nan}, "wavenumber is nan"),
    ],
)
def test_wrong_arguments_are_named(build: Any, arguments: dict[str, Any], said: str):
    with pytest.raises((InvalidProblem, UnknownName), match=said):
        build(**arguments)
