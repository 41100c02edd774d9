"""Conjugate directions: exactness, bad proposals, the networks, their training and the weights that come with Ritz."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from systems import laplacian

import ritz
from ritz.errors import InvalidProblem, InvalidWeights
from ritz.recipe import Run
from ritz.registry import recipes
from ritz.solvers.conjugate_directions import ConjugateDirections, NetworkDirection, ritz_mixtures
from ritz.solvers.conjugate_directions.convolution import SpaceConvolution
from ritz.solvers.conjugate_directions.direction_network import DirectionNetwork
from ritz.solvers.conjugate_directions.network_direction import build_network, shipped
from ritz.solvers.conjugate_directions.recipes import energies_of, held_out, iterations_of
from ritz.solvers.conjugate_directions.scales import direction, scales_of
from ritz.solvers.training.weights import load_weights

ROOT = Path(__file__).parents[1]
TINY = {"grid": (8, 8), "channels": 4, "smallest": 4, "mixtures": 40, "lanczos_steps": 30, "batch": 4}


def system(size: int = 12, seed: int = 0) -> ritz.LinearSystem:
    matrix = laplacian(size, size)
    return ritz.LinearSystem(matrix, np.random.default_rng(seed).standard_normal(size**2))


def iterates(problem: ritz.LinearSystem, solver: Any, count: int) -> list[np.ndarray]:
    seen: list[np.ndarray] = []
    ritz.solve(problem, solver, callback=lambda k, x, residual: seen.append(x.copy()), maxiter=count, throw=False)
    return seen


def inverse_of(problem: ritz.LinearSystem) -> np.ndarray:
    return np.linalg.inv(problem.operator.to_dense())


def solve(problem: Any, direction: Any, memory: int = 2, **controls: Any) -> ritz.Solution:
    return ritz.solve(problem, ConjugateDirections(direction, memory), throw=False, **controls)


@pytest.mark.parametrize("memory", [1, 2, 4])
def test_the_identity_takes_the_iterates_of_conjugate_gradients(memory: int):
    problem = system()
    ours = iterates(problem, ConjugateDirections("identity", memory), 30)
    for x, reference in zip(ours, iterates(problem, "cg", 30), strict=True):
        np.testing.assert_allclose(x, reference, rtol=0, atol=1e-10 * max(1.0, abs(reference).max()))


def test_a_linear_preconditioner_takes_the_iterates_of_preconditioned_conjugate_gradients():
    problem = ritz.problems.diffusion((16, 16), contrast=1e3)
    ours, theirs = (
        ritz.solve(problem, ConjugateDirections("jacobi")),
        ritz.solve(problem, "cg", preconditioner="jacobi"),
    )
    assert abs(ours.iterations - theirs.iterations) <= 1
    assert ours.stats["direction"] == "jacobi"


def test_the_exact_inverse_ends_in_one_step():
    problem = system()
    inverse = inverse_of(problem)
    for sign in (1.0, -1.0, 1e-30, -1e30):  # the scale of a direction does not matter, nor its sign
        solution = solve(problem, lambda r, sign=sign: sign * (inverse @ r))
        assert solution.converged
        assert solution.iterations == 1


@pytest.mark.parametrize(
    ("proposal", "count"),
    [
        (lambda r: np.full_like(r, np.nan), "replaced"),
        (lambda r: np.full_like(r, np.inf), "replaced"),
        (lambda r: 0.0 * r, "replaced"),
        (np.ones_like, "restarts"),
    ],
    ids=["nan", "infinite", "zero", "constant"],
)
@pytest.mark.parametrize("memory", [0, 2])
def test_useless_proposals_are_replaced(proposal: Any, count: str, memory: int):
    problem = system(8)
    solution = solve(problem, proposal, memory, maxiter=3000)
    assert solution.converged, solution
    assert solution.stats[count] >= 1
    assert np.isfinite(solution.x).all()


def test_proposals_that_fail_now_and_then_are_replaced_one_by_one():
    problem, calls = system(), [0]
    inverse = inverse_of(problem)

    def sometimes(r: np.ndarray) -> np.ndarray:
        calls[0] += 1
        return np.full_like(r, np.nan) if calls[0] < 3 else inverse @ r

    solution = solve(problem, sometimes)
    assert (solution.iterations, solution.stats["replaced"]) == (3, 2)


def test_the_error_never_grows_whatever_is_proposed():
    problem, generator = system(), np.random.default_rng(3)
    exact = np.linalg.solve(problem.operator.to_dense(), problem.rhs)
    for memory in (0, 2):
        seen = iterates(problem, ConjugateDirections(lambda r: generator.standard_normal(len(r)), memory), 40)
        errors = [(x - exact) @ (problem.operator @ (x - exact)) for x in seen]
        assert all(after <= before * (1 + 1e-12) for before, after in pairwise(errors))
        assert errors[-1] < errors[0]


def test_indefinite_operators_are_found_out():
    matrix = np.diag([1.0, 2.0, -3.0])
    assert solve(ritz.LinearSystem(matrix, np.ones(3)), "identity").status is ritz.Status.INDEFINITE


@pytest.mark.parametrize("options", [{"memory": -1}, {"memory": 1.5}, {"direction": "jacobbi"}])
def test_wrong_options(options: dict[str, Any]):
    with pytest.raises(ValueError, match=r"memory is|did you mean 'jacobi'"):
        ritz.solve(system(), "conjugate-directions", **options)


@pytest.mark.parametrize(("size", "count"), [(64, 97_457), (128, 152_881)])
def test_the_published_networks_have_their_number_of_parameters(size: int, count: int):
    network = DirectionNetwork(3, size, 16, torch.Generator())
    assert sum(values.numel() for values in network.parameters()) == count
    assert network(torch.zeros(1, 1, 6, 5, 7)).shape == (1, 1, 6, 5, 7)


@pytest.mark.parametrize("shape", [(16, 16), (19, 33), (8, 9, 16)])
def test_coarser_scales_are_laplacians(shape: tuple[int, ...]):
    """Each scale is the Laplacian of its own grid: exactly so where the number of cells is a power of two."""
    operator = ritz.operators.Stencil(shape, spacing=0.1)
    scales = scales_of(operator, 4)
    assert len(scales) > 1 or min(shape) < 8
    finest = scales[0].product(torch.ones(1, 1, *shape)).reshape(-1)
    np.testing.assert_allclose(finest, 0.01 * (operator @ np.ones(operator.shape[0])), atol=1e-5)
    if shape == (16, 16):
        coarse = ritz.operators.Stencil((8, 8))
        field = torch.rand(1, 1, 8, 8)
        product = coarse @ field.reshape(-1).double().numpy()
        np.testing.assert_allclose(scales[1].product(field).reshape(-1), product, atol=1e-5)


def test_directions_scale_with_residuals_and_stay_out_of_obstacles():
    solid = np.zeros((24, 24), dtype=bool)
    solid[5:9, 3:12] = True
    network = DirectionNetwork(2, 64, 4, torch.Generator().manual_seed(0))
    for kind in ("neumann", "dirichlet"):
        scales = scales_of(ritz.operators.Stencil((24, 24), solid=solid, solid_boundary=kind), 4)
        residual = torch.rand(2, 1, 24, 24) * torch.tensor(~solid)
        q = direction(network, scales, residual)
        assert not q[:, :, solid].any()
        torch.testing.assert_close(direction(network, scales, 1024 * residual), 1024 * q)


OUTSIDE = {
    "no grid": (lambda: system(), "needs a grid stencil"),
    "line": (lambda: ritz.problems.poisson((32,)), "dimension 1"),
    "jumps": (lambda: ritz.problems.diffusion((16, 16)), "coefficient varies"),
    "flat cells": (
        lambda: ritz.LinearSystem(ritz.operators.Stencil((16, 16), spacing=(1, 2)), np.ones(256)),
        "not square",
    ),
    "shift": (lambda: ritz.LinearSystem(ritz.operators.Stencil((16, 16), shift=1.0), np.ones(256)), "shift 1"),
    "small": (lambda: ritz.problems.poisson((15, 40)), "fewer than 16"),
    "periodic": (lambda: ritz.problems.poisson((16, 16), boundary="periodic"), "periodic"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_where_the_network_does_not_fit_the_fallback_is_said(name: str):
    make, said = OUTSIDE[name]
    problem = make()
    solution = ritz.solve(problem, "conjugate-directions")
    assert solution.converged
    assert said in solution.stats["no network"]
    assert solution.stats["direction"] == "jacobi"
    with pytest.raises(InvalidProblem, match="use direction"):
        NetworkDirection().build(problem.operator)


@pytest.mark.parametrize("boundary", ["dirichlet", "mixed", "neumann"])
def test_the_network_takes_few_iterations_whatever_the_sides(boundary: str):
    problem = ritz.problems.poisson((40, 52), boundary=boundary)
    rhs = problem.operator @ np.random.default_rng(0).standard_normal(problem.size)
    problem = problem.with_rhs(rhs)
    ours, theirs = ritz.solve(problem, "conjugate-directions"), ritz.solve(problem, "cg")
    assert ours.stats["direction"] == "network"
    assert 5 * ours.iterations < theirs.iterations


def test_iterations_do_not_grow_with_the_grid():
    counts = []
    for cells in (32, 64, 128):
        problem = ritz.problems.poisson((cells, cells))
        rhs = np.random.default_rng(1).standard_normal(problem.size)
        counts.append(ritz.solve(problem.with_rhs(rhs), "conjugate-directions", rtol=1e-6).iterations)
    assert max(counts) <= min(counts) + 2
    assert counts[1] <= 15


def test_blocks_and_single_precision():
    problem = ritz.problems.poisson((24, 24), obstacles=1, solid_boundary="neumann").astype("float32")
    block = np.stack([problem.rhs, 0 * problem.rhs, problem.operator @ problem.rhs], axis=1)
    solution = ritz.solve(replace(problem, rhs=torch.tensor(block), exact=None), "conjugate-directions", rtol=1e-4)
    assert solution.converged
    assert solution.x.dtype == torch.float32


WEIGHTS = sorted(path.stem for path in shipped("x").parent.glob("*.safetensors"))


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_reach_the_iterations_they_were_recorded_with(name: str):
    weights = load_weights(shipped(name), family="dcdm")
    found = iterations_of(weights)
    assert set(found) == set(weights.validation) == set(held_out(weights.dimension))
    for case, count in weights.validation.items():
        assert abs(found[case] - count) <= 1 or count > 100  # what hardly converges is sensitive to rounding
    assert weights.training["seed"] == weights.seed


def test_the_weights_of_both_dimensions_come_with_ritz():
    assert {"dcdm-2d", "dcdm-2d-64", "dcdm-3d", "fluidnet-2d", "spectral-2d"} <= set(WEIGHTS)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path):
    plane = load_weights(shipped("dcdm-2d"))
    operator = ritz.problems.poisson((16, 16, 16)).operator
    assert "dimension 2, not 3" in NetworkDirection(plane).objection(operator)
    path = replace(plane, family="other").save(tmp_path / "other.safetensors")
    with pytest.raises(InvalidWeights, match="'dcdm' is needed"):
        NetworkDirection(path).objection(operator)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidWeights, match="damaged"):
        ritz.solve(ritz.problems.poisson((16, 16)), ConjugateDirections(NetworkDirection(path)))


def test_mixtures_are_made_of_low_modes_for_the_most_part(tmp_path: Path):
    operator = ritz.problems.poisson((10, 9)).operator
    mixtures = ritz_mixtures(operator, 200, steps=90, folder=tmp_path)
    assert mixtures.dtype == np.float32
    np.testing.assert_allclose((mixtures**2).mean(axis=1), 1.0, rtol=1e-5)
    vectors = np.linalg.eigh(operator.to_dense())[1]
    energy = ((mixtures @ vectors) ** 2).mean(axis=0)
    assert energy[:40].mean() > 20 * energy[-30:].mean()
    again = tmp_path / "again"
    again.mkdir()
    np.testing.assert_array_equal(mixtures, ritz_mixtures(operator, 200, steps=90, folder=again))
    with pytest.raises(InvalidProblem, match="count is 0"):
        ritz_mixtures(operator, 0, steps=5, folder=tmp_path)


def test_training_improves_and_is_repeatable():
    first, second = (
        recipes.make("dcdm-2d", {**TINY, "steps": 40, "validate_every": 20}).train(Run()) for _ in range(2)
    )
    losses = [value for _, value in first.training["history"]["validations"]]
    assert losses[-1] < 0.5 * losses[0]
    for name, values in first.arrays.items():
        np.testing.assert_array_equal(values, second.arrays[name])


@pytest.mark.parametrize("grid", [(12, 9), (8, 8, 10)])
def test_a_spectral_operator_learns_the_inverse_and_is_for_grids_of_any_size(grid: tuple[int, ...]):
    settings = {"grid": grid, "channels": 4, "modes": 6, "mixtures": 60, "lanczos_steps": 60, "batch": 8, "steps": 150}
    weights = recipes.make("spectral-2d", {**settings, "validate_every": 50}).train(Run())
    losses = [value for _, value in weights.training["history"]["validations"]]
    assert 0.0 < losses[-1] < 0.1 * losses[0] < 1.0
    network = build_network(weights)
    for cells in (5, 20):
        residual = torch.randn(2, 1, *(cells,) * len(grid), generator=torch.Generator().manual_seed(0))
        assert network(residual).shape == residual.shape


def test_shares_of_energy_are_those_of_errors(tmp_path: Path):
    operator = ritz.operators.Stencil((9, 7), spacing=1.0)
    samples = ritz_mixtures(operator, 6, steps=40, folder=tmp_path)
    inverse = np.linalg.inv(operator.to_dense())
    expected = [r @ inverse @ r for r in samples.astype(np.float64)]
    np.testing.assert_allclose(energies_of(operator, samples), expected, rtol=1e-5)


def test_training_killed_resumes_to_the_same_weights(tmp_path: Path):
    checkpoint, settings = tmp_path / "state.pt", {**TINY, "steps": 60}
    code = (
        "from pathlib import Path; from ritz.recipe import Run; from ritz.registry import recipes\n"
        f"recipe = recipes.make('dcdm-2d', {settings!r})\n"
        f"recipe.train(Run(checkpoint=Path({str(checkpoint)!r}), checkpoint_seconds=0.0))"
    )
    started = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    written: set[int] = set()
    while len(written) < 10:
        assert started.poll() is None
        written |= {checkpoint.stat().st_mtime_ns} if checkpoint.exists() else set()
        time.sleep(0.001)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert 0 < torch.load(checkpoint, weights_only=True)["step"] < 60
    compare = code.rpartition("\n")[0] + (  # torch computes alike in processes that begin alike
        f"\nresumed = recipe.train(Run(checkpoint=Path({str(checkpoint)!r}), resume=True)).arrays"
        "\nwhole = recipe.train(Run()).arrays"
        "\nprint(whole.keys() == resumed.keys(), all((whole[name] == resumed[name]).all() for name in whole))"
    )
    said = subprocess.run([sys.executable, "-c", compare], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "True"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"grid": (8,)}, "grid is"),
        ({"size": 32}, "size is 32"),
        ({"normalized": False}, "needs smallest=0"),
        ({"mixtures": 5}, "mixtures is 5"),
        ({"steps": 0}, "steps is 0"),
        ({"modes": 0}, "modes is 0"),
        ({"modes": 6, "smallest": 8}, "smallest is 8"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], said: str):
    with pytest.raises(InvalidProblem, match=said):
        recipes.make("spectral-2d" if "modes" in settings else "dcdm-2d", settings)


def test_deflation_takes_off_the_slow_part():
    problem = ritz.problems.poisson((64, 64))
    problem = problem.with_rhs(np.random.default_rng(0).standard_normal(problem.size))
    plain = ritz.solve(problem, "cg")
    counts = [ritz.solve(problem, "deflated-cg", parts=parts).iterations for parts in (1, 16, 64)]
    assert counts == sorted(counts, reverse=True)
    assert counts[2] < 0.6 * plain.iterations
    with pytest.raises(InvalidProblem, match="parts is 0"):
        ritz.solve(problem, "deflated-cg", parts=0)


@pytest.mark.parametrize("shape", [(5, 6, 7), (9, 9, 9)])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_convolutions_in_space_are_those_of_torch(shape, batch, dtype):
    ours = SpaceConvolution(2, 4, 3, padding=1, dtype=dtype)
    given = torch.randn(batch, 2, *shape, dtype=dtype, generator=torch.Generator().manual_seed(0), requires_grad=True)
    wanted = torch.nn.Conv3d.forward(ours, given)
    with torch.no_grad():
        torch.testing.assert_close(ours(given), wanted.detach(), rtol=1e-5, atol=1e-5)
    (first,) = torch.autograd.grad(ours(given).square().sum(), given)
    (second,) = torch.autograd.grad(wanted.square().sum(), given)
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)
