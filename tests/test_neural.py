"""Networks trained on equations: derivatives, accuracy on what they can learn, budgets, and failures."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

import ritz
from ritz import PDE, InvalidProblem, Status
from ritz.problems import gp_hm
from ritz.problems.pdes.manufactured import Wave, from_exact
from ritz.registry import solvers
from ritz.solvers.neural.jets import JetNetwork, coordinate_embedding, fourier_embedding

SMALL: dict[str, Any] = {"width": 20, "depth": 2, "points": 100, "side_points": 25, "shape": 20, "learning_rate": 0.01}
BAR = ritz.problems.manufactured("poisson-1d")
SQUARE = [(0.0, 1.0), (0.0, 1.0)]
LAPLACE: dict[Any, Any] = {(2, 0): -1.0, (0, 2): -1.0}
WAVE = Wave((2.3, 1.7), (0.4, 0.9))
EQUATIONS = {
    "poisson-1d": BAR,
    "poisson-2d": ritz.problems.manufactured("poisson-2d"),
    "mixed-derivative": ritz.problems.manufactured("anisotropic-2d"),
    "variable": ritz.problems.manufactured("diffusion-2d"),
    "neumann": ritz.problems.manufactured("neumann-1d"),
    "periodic": ritz.problems.manufactured("periodic-1d"),
    "nonlinear": from_exact(WAVE, SQUARE, LAPLACE, "dirichlet", "", (np.exp, np.exp)),
    "space-time": from_exact(WAVE, SQUARE, {(2, 0): -0.5, (0, 1): 1.0}, {"y+": "open"}),
    "advection": gp_hm.advection(speed=2.0),
    "poisson-3d": ritz.problems.manufactured("poisson-3d"),
}


@pytest.mark.parametrize("embedding", ["coordinates", "waves"])
def test_jets_are_the_derivatives(embedding: str):
    domain, periodic = [(0.0, 2.0), (-1.0, 1.0)], [True, False]
    if embedding == "coordinates":
        lines, waves = coordinate_embedding(domain, periodic)
    else:
        lines, waves = fourier_embedding(domain, periodic, (1.0, 3.0), 4, np.random.default_rng(0))
    network = JetNetwork(lines, waves, 7, 2, 3.0, torch.float64, torch.Generator().manual_seed(1))
    points = torch.rand(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    directions = torch.tensor([[1.0, 0.0], [0.5, -2.0]], dtype=torch.float64)
    jet = network(points, directions)

    def along(step: float) -> torch.Tensor:
        return torch.stack([network(points + step * d, directions[:0]).value for d in directions])

    h = 1e-4
    torch.testing.assert_close(jet.first, (along(h) - along(-h)) / (2 * h), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(jet.second, (along(h) - 2 * along(0.0) + along(-h)) / h**2, atol=1e-4, rtol=1e-4)
    shifted = network(points + torch.tensor([2.0, 0.0], dtype=torch.float64), directions[:0])
    torch.testing.assert_close(shifted.value, jet.value)  # one period on


@pytest.mark.parametrize("name", EQUATIONS)
def test_smooth_solutions_are_learnt(name: str):
    problem = EQUATIONS[name]
    steps = 400 if problem.dimension < 3 else 1000
    solution = ritz.solve(problem, "pinn", **SMALL, rtol=1e-2, maxiter=steps, throw=False)
    assert solution.error(problem.exact) < 2e-2
    assert len(solution.history) == solution.iterations + 1
    assert solution.residual < 0.1 * solution.history[0]


def test_poisson_to_one_percent():
    solution = ritz.solve(BAR, "pinn", **SMALL, rtol=2e-2)
    assert solution.converged
    assert solution.error(BAR.exact) < 1e-2
    x = np.linspace(0, 1, 50)
    assert BAR.exact is not None
    np.testing.assert_allclose(solution.interpolate(x), BAR.exact(x), atol=1e-2)
    assert solution.grid.shape == (20,)


def test_fourier_features_learn_what_plain_coordinates_do_not():
    problem = from_exact(Wave((15.0,), (0.4,)), [(0.0, 2 * np.pi)], {(2,): -1.0, (0,): 225.0})
    small = SMALL | {"points": 1000, "shape": 200}
    errors = {
        name: ritz.solve(problem, name, **small, **options, maxiter=300, rtol=3e-2, throw=False).error(problem.exact)
        for name, options in (("pinn", {}), ("rff-pinn", {"scales": (15.0,)}))
    }
    assert errors["rff-pinn"] < 0.1 * errors["pinn"], errors
    assert errors["rff-pinn"] < 0.1


@pytest.mark.parametrize("name", ["pinn", "rff-pinn"])
def test_a_seed_is_an_answer(name: str):
    solve = lambda seed: ritz.solve(BAR, name, **SMALL, maxiter=30, throw=False, seed=seed)  # noqa: E731
    one, same, other = solve(1), solve(1), solve(2)
    np.testing.assert_array_equal(one.x, same.x)
    np.testing.assert_array_equal(one.history, same.history)
    assert np.abs(one.x - other.x).max() > 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_budgets_end_training(dtype: str):
    short = ritz.solve(BAR, "pinn", **SMALL, dtype=dtype, maxiter=7, throw=False)
    assert (short.status, short.iterations) == (Status.MAX_ITERATIONS, 7)
    assert short.x.dtype == np.float64
    begin = time.perf_counter()
    timed = ritz.solve(BAR, "pinn", **SMALL, dtype=dtype, seconds=0.3, maxiter=10**6, throw=False)
    assert timed.status is Status.MAX_ITERATIONS
    assert timed.iterations < 10**5
    assert time.perf_counter() - begin < 60.0  # a million steps would take hours
    none = ritz.solve(BAR, "pinn", **SMALL, maxiter=0, throw=False)
    assert (none.iterations, len(none.history)) == (0, 1)


def test_a_network_that_fits_the_training_points_alone_has_not_converged():
    problem = gp_hm.poisson_1d(frequency=15.0)
    few = SMALL | {"points": 20}
    solution = ritz.solve(problem, "rff-pinn", **few, scales=(15.0,), rtol=0.1, maxiter=1500, throw=False)
    assert solution.status is Status.STAGNATED
    assert solution.history[-1] <= 0.05
    assert solution.residual > 0.2


def test_the_best_iterate_is_kept():
    """Ctrl-C, a callback and a diverging run all give back the smallest residual they have seen."""

    def interrupt(iteration: int, x: np.ndarray, residual: float) -> bool:
        assert x.shape == (20,)
        if iteration == 20:
            raise KeyboardInterrupt
        return False

    stopped = ritz.solve(BAR, "pinn", **SMALL, callback=interrupt, throw=False)
    assert stopped.status is Status.INTERRUPTED
    assert len(stopped.history) == 21
    assert stopped.residual == pytest.approx(stopped.history.min(), rel=0.3)  # at other points
    asked = ritz.solve(BAR, "pinn", **SMALL, callback=lambda iteration, *_: iteration == 3, throw=False)
    assert (asked.status, asked.iterations) == (Status.INTERRUPTED, 3)

    wild = ritz.solve(BAR, "pinn", **(SMALL | {"learning_rate": 1e200}), maxiter=50, throw=False)
    assert wild.status in (Status.NON_FINITE, Status.MAX_ITERATIONS)
    assert np.isfinite(wild.x).all()
    assert wild.residual == pytest.approx(np.nanmin(wild.history), rel=0.3)
    with pytest.raises(ritz.ConvergenceError) as caught:
        ritz.solve(BAR, "pinn", **SMALL, maxiter=2)
    assert np.isfinite(caught.value.solution.x).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 0}, "width is 0"),
        ({"points": -5}, "points is -5"),
        ({"seconds": 0.0}, r"seconds is 0\.0"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"shape": (1, 4)}, r"shape is \(1, 4\)"),
        ({"rtol": -1.0}, "rtol is -1"),
        ({"x0": np.ones(4)}, "x0 is given"),
    ],
)
@pytest.mark.parametrize("name", ["pinn", "rff-pinn"])
def test_wrong_options_are_named(name: str, options: dict[str, Any], said: str):
    with pytest.raises(InvalidProblem, match=said):
        ritz.solve(EQUATIONS["poisson-2d"], name, **options)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(InvalidProblem, match="scales is"):
        ritz.solve(BAR, "rff-pinn", scales=(1.0, -2.0))
    with pytest.raises(InvalidProblem, match="order above 2"):
        ritz.solve(PDE((0.0, 1.0), {4: 1.0}, conditions="periodic"), "pinn")
    with pytest.raises(InvalidProblem, match="depends on time"):
        ritz.solve(PDE((0.0, 1.0), {2: -1.0}, initial=0.0), "pinn")
    with pytest.raises(InvalidProblem, match="rhs is given"):
        solvers["pinn"](points=10).prepare(BAR).solve(np.ones(3))
    solution = ritz.solve(BAR, "pinn", **SMALL, maxiter=0, throw=False)
    with pytest.raises(InvalidProblem, match="lie outside x"):
        solution.interpolate([0.5, 1.5])
    with pytest.raises(InvalidProblem, match=r"\(P, 1\)"):
        solution.interpolate(np.zeros((3, 2)))
