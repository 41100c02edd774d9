"""Learned multigrid: the same cycle in two languages, definiteness, shipped weights, training, and what stands in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_multigrid import stencils

import ritz
from ritz.operators import Stencil, aslinearoperator
from ritz.problems import diffusion, poisson
from ritz.recipe import Run
from ritz.registry import recipes
from ritz.solvers.multigrid import LearnedGridMultigrid, LearnedMultigrid
from ritz.solvers.multigrid.learned.cycle_network import CycleNetwork, FaceOperators
from ritz.solvers.multigrid.learned.face_grid import face_grid, merge_cells
from ritz.solvers.multigrid.learned.face_hierarchy import FaceHierarchy
from ritz.solvers.multigrid.learned.learned_parameters import LearnedParameters
from ritz.solvers.multigrid.learned.solver import FOLDER
from ritz.solvers.training.weights import Weights, load_weights

SHIPPED = [name for name in recipes.names() if name.startswith("multigrid-")]


def network(dimension, width, seed=0, visits=1):
    """Return a network that was not trained, its numbers at random."""
    torch.manual_seed(seed)
    made = CycleNetwork(dimension, width, visits)
    with torch.no_grad():
        for values in made.parameters():
            values += 0.5 * torch.randn(values.shape)
    return made


def weights_of(made):
    arrays = {name: values.detach().numpy() for name, values in made.numbers().items()}
    for number, layer in enumerate(made.layers if made.width else []):
        arrays[f"weight{number}"], arrays[f"bias{number}"] = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return Weights(
        arrays, "multigrid-jumps" if made.width else "multigrid-masks", made.dimension, spec={"visits": made.visits}
    )


def shipped(name):
    return load_weights(FOLDER / f"{name}.safetensors")


def applied(hierarchy, vectors):
    """Return the cycle's products with the columns of an array."""
    columns = [hierarchy.unpad(hierarchy.cycle(hierarchy.pad(np.ascontiguousarray(v)))).copy() for v in vectors.T]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    ("shape", "width", "visits"), [((32, 64), 0, 2), ((32, 32), 5, 1), ((16, 16, 16), 0, 1), ((32, 32, 32), 4, 2)]
)
def test_compiled_cycle_is_the_trained_one(shape, width, visits):
    operator = diffusion(shape, contrast=1e3, seed=3).operator
    made = network(len(shape), width, visits=visits)
    fine = face_grid(operator, np.float64)
    hierarchy = FaceHierarchy(fine, LearnedParameters(weights_of(made)))
    faces = [torch.tensor(np.delete(a, -1, axis)[None]) for axis, a in enumerate(operator.couplings)]
    walls = torch.tensor(fine.layout.inside(fine.walls).reshape(1, *shape))
    rhs = np.random.default_rng(0).standard_normal(operator.shape[0])
    scale = max(float(values.max()) for values in faces)
    with torch.no_grad():
        cycle = made.double().cycle(FaceOperators([f / scale for f in faces], walls / scale))
        expected = cycle(torch.tensor(rhs.reshape(1, *shape))).numpy().ravel() / scale
    found = applied(hierarchy, rhs[:, None])[:, 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * abs(expected).max())


@settings(max_examples=25, deadline=None)
@given(stencils(largest=17), st.integers(0, 1000), st.sampled_from([0, 3]))
def test_cycle_is_positive_definite_whatever_was_learned(operator, seed, width):
    fine = face_grid(operator, np.float64)
    if fine is None or len(fine.axes) < 2:
        return
    hierarchy = FaceHierarchy(fine, LearnedParameters(weights_of(network(len(fine.axes), width, seed))))
    n = operator.shape[0]
    basis = np.eye(n)[:, ~hierarchy.left_out]
    if operator.nullspace is not None:
        basis = operator.nullspace.project(basis)
    basis = basis[:, np.random.default_rng(seed).permutation(basis.shape[1])[:40]]
    M = basis.T @ applied(hierarchy, basis)
    size = abs(M).max(initial=0.0)
    np.testing.assert_allclose(M, M.T, rtol=0, atol=1e-9 * size)
    assert np.linalg.eigvalsh(M).min(initial=0.0) >= -1e-9 * size


@settings(max_examples=30, deadline=None)
@given(stencils(largest=24))
def test_solves_whatever_the_sides_sizes_and_obstacles(operator):
    exact = np.random.default_rng(0).standard_normal(operator.shape[0])
    if operator.solid is not None:
        exact[operator.solid.ravel()] = 0.0
    if operator.nullspace is not None:
        exact = operator.nullspace.project(exact)
    solution = ritz.solve(ritz.LinearSystem(operator, operator @ exact), "learned-multigrid", rtol=1e-9)
    assert solution.iterations <= 80
    np.testing.assert_allclose(solution.x, exact, atol=1e-5 * (1 + abs(exact).max()))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_reach_their_recorded_iterations(name):
    weights = shipped(name)
    recipe = recipes.make(name, {})
    assert weights.training["seed"] == recipe.seed
    assert weights.training["steps"] == recipe.steps
    for side, recorded in recipe.iterations(weights).items():
        assert np.abs(np.array(recorded) - weights.validation[side]).max() <= 1
    assert max(max(values) for values in weights.validation.values()) <= 25


@pytest.mark.parametrize(("name", "share"), [("multigrid-jumps-2d", 0.9), ("multigrid-jumps-3d", 0.92)])
def test_what_was_learned_saves_iterations_where_coefficients_jump(name, share):
    recipe = recipes.make(name, {})
    before, after = recipe.iterations(recipe.untrained()), shipped(name).validation
    assert sum(map(sum, after.values())) <= share * sum(map(sum, before.values()))


def test_training_lowers_the_loss_and_is_repeatable():
    recipe = recipes.make("multigrid-jumps-2d", {"steps": 20, "batch": 2, "side": 32, "width": 3, "unrolled": 3})
    recipe = replace(recipe, pool=4)
    first, second = recipe.train(Run()), recipe.train(Run())
    assert first.training["best_step"] > 0
    assert first.training["skipped"] == 0
    for name, values in first.arrays.items():
        np.testing.assert_array_equal(values, second.arrays[name])


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (poisson((64, 64), boundary="periodic"), "periodic"),
        (poisson((300,)), "1 axes"),
        (ritz.problems.diffusion((40, 40), coefficient="rotated"), "Sparse"),
        (diffusion((24, 24), contrast=1e9), "1e+07"),
    ],
)
def test_what_it_was_not_trained_for_is_left_to_the_untrained(problem, reason):
    solution = ritz.solve(problem, "learned-multigrid")
    assert solution.converged
    assert reason in solution.stats["fallback"]


@pytest.mark.parametrize("spacing", [(1.0, 2.5), (1.0, 20.0)])
def test_strong_anisotropy_is_left_to_the_untrained(spacing):
    operator = Stencil((256, 256), spacing=spacing)
    system = ritz.LinearSystem(operator, np.random.default_rng(0).standard_normal(operator.shape[0]))
    solution = ritz.solve(system, "learned-multigrid")
    assert "between axes" in solution.stats["fallback"]
    assert solution.iterations < 15


def test_trial_iterations_find_a_cycle_that_does_not_fit():
    good = shipped("multigrid-masks-2d")
    poor = replace(good, arrays={**good.arrays, "scale": np.full(3, 0.1, "f")})
    solution = ritz.solve(poisson((128, 128), obstacles=6), "learned-multigrid", weights=poor)
    assert "iterations reduced" in solution.stats["fallback"]
    assert solution.iterations < 12


def test_unequal_spacing_odd_sizes_and_neumann_sides_are_taken():
    for operator in (
        Stencil((65, 97), spacing=(1.0, 1.2)),
        Stencil((33, 47, 29)),
        Stencil((90, 70), boundary="neumann"),
    ):
        exact = np.random.default_rng(0).standard_normal(operator.shape[0])
        solution = ritz.solve(ritz.LinearSystem(operator, operator @ exact), "learned-multigrid", rtol=1e-6)
        assert "fallback" not in solution.stats
        assert solution.iterations <= 14


def test_indefinite_and_unsymmetric_operators():
    indefinite = Stencil((40, 40), spacing=1 / 40, shift=-500.0)
    system = ritz.LinearSystem(indefinite, np.ones(1600))
    assert ritz.solve(system, "learned-multigrid", throw=False).status is ritz.Status.INDEFINITE
    with pytest.raises(ritz.InvalidProblem, match=r"symmetric operator.*use"):
        ritz.solve(ritz.problems.advection_diffusion((16, 16)), "learned-multigrid")
    with pytest.raises(ritz.InvalidProblem, match=r"grid.*use"):
        LearnedGridMultigrid().build(aslinearoperator(np.eye(3)))


def test_cycle_that_is_not_positive_is_replaced_while_iterating(monkeypatch):
    system = poisson((64, 64), obstacles=3)
    prepared = LearnedMultigrid().prepare(system)
    cycle = FaceHierarchy.cycle
    monkeypatch.setattr(FaceHierarchy, "cycle", lambda *arguments: -cycle(*arguments))
    solution = prepared.solve()
    assert solution.converged
    assert "not positive" in solution.stats["fallback"]


def test_weights_out_of_range_are_refused():
    system = poisson((32, 32), obstacles=2)
    good = shipped("multigrid-masks-2d")

    def spoilt(**changes):
        return replace(good, arrays={**good.arrays, **changes})

    for weights, said in [
        (spoilt(spread=np.array([np.nan] * 3, "f")), "finite"),
        (spoilt(rates=np.full((3, 2), 1.9, "f")), "amplify"),
        (spoilt(scale=-np.ones(3, "f")), "negative"),
        (replace(good, arrays={"rates": good.arrays["rates"]}), "missing"),
        (shipped("multigrid-masks-3d"), "3 dimensions"),
    ]:
        with pytest.raises(ritz.InvalidProblem, match=said):
            ritz.solve(system, "learned-multigrid", weights=weights)


def test_merged_couplings_agree_for_constant_coefficients_and_order_otherwise():
    constant = merge_cells(face_grid(Stencil((12, 9)), np.float64), 0.5)
    np.testing.assert_allclose(constant.series, constant.parallel)
    rough = merge_cells(face_grid(diffusion((12, 9), contrast=1e4).operator, np.float64), 0.5)
    assert (rough.series[rough.parallel > 0] > 0).all()
