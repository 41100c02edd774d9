"""Parametric problems: their equations, their snapshots, and the cache of these."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systems import small_instance

import ritz
from ritz.errors import ExtrapolationWarning
from ritz.problem_types.parametric.snapshot_cache import fingerprint
from ritz.registry import problems

NAMES = [name for name in problems.names() if ".parametric." in problems[name].__module__]
SMOOTH = 1e-6  # step of difference quotients

small = cache(small_instance)
every_problem = pytest.mark.parametrize("name", NAMES)


def some_state(problem, mu, seed=0):
    """Return a state near the solution at which to linearise, and a direction."""
    generator = np.random.default_rng(seed)
    u = problem.solution(mu)
    u = u if u.ndim == 1 else u[len(u) // 2]
    size = np.abs(u).max()
    return u + 0.1 * size * generator.standard_normal(u.shape), size * generator.standard_normal(u.shape)


@every_problem
def test_solutions_satisfy_the_equations(name):
    problem = small(name)
    for mu in problem.sample(3, seed=1):
        u = problem.solution(mu)
        assert u.shape[-1] == problem.size
        assert np.abs(u).max() > 0
        assert problem.relative_residual(u, mu) < 1e-8
        assert problem.relative_residual(1.01 * u, mu) > 1e-6


@every_problem
def test_affine_form_is_the_sum_of_its_parts(name):
    form = small(name).affine
    for mu in small(name).sample(2):
        theta, matrices = form.coefficients(mu), [matrix.toarray() for matrix in form.operators]
        total = sum(t * matrix for t, matrix in zip(theta, matrices, strict=True))
        np.testing.assert_allclose(form.operator(mu).toarray(), total, atol=1e-14 * np.abs(total).max())
        if form.symmetric:
            assert np.linalg.eigvalsh(total).min() > 0
            np.testing.assert_allclose(total, total.T, atol=1e-14 * np.abs(total).max())


@every_problem
def test_jacobian_is_the_derivative_of_the_residual(name):
    problem = small(name)
    mu = problem.sample(1, seed=2)[0]
    u, direction = some_state(problem, mu)
    step = None if problem.times is None else 1

    def residual(state):
        if step is None:
            return problem.residual(state, mu)
        steady = np.tile(state, (len(problem.times), 1))
        steady[step] = 0.0  # the state before the step, which the derivative does not see
        return problem.residual(steady, mu)[step]

    quotient = (residual(u + SMOOTH * direction) - residual(u - SMOOTH * direction)) / (2 * SMOOTH)
    product = problem.jacobian(u, mu, step) @ direction
    assert np.linalg.norm(product - quotient) < 1e-5 * np.linalg.norm(quotient)


@every_problem
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_restricted_term_is_some_rows_of_the_whole(name, data):
    problem = small(name)
    term, mu = problem.term, problem.query
    if term is None:
        assert problem.affine.vectors.any()  # linear and affine altogether
        return
    rows = data.draw(st.lists(st.integers(0, term.size - 1), min_size=1, max_size=9))
    t = data.draw(st.floats(0.0, 1.0))
    u = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal(term.size)
    part = term.restrict(rows)
    assert len(part.dofs) <= len(rows) * max(term.reads.shape[1], 1)
    np.testing.assert_array_equal(part.value(u[part.dofs], mu, t), term.value(u, mu, t)[rows])
    whole = term.jacobian(u, mu, t).toarray()[rows]
    np.testing.assert_array_equal(part.jacobian(u[part.dofs], mu, t).toarray(), whole[:, part.dofs])
    others = np.setdiff1d(np.arange(term.size), part.dofs)
    assert not whole[:, others].any()


@every_problem
def test_problems_travel(name):
    problem = small(name)
    copy = pickle.loads(pickle.dumps(problem))
    np.testing.assert_array_equal(copy.solution(), problem.solution())


@every_problem
def test_full_order_solver(name):
    problem = small(name)
    mu = problem.sample(1, seed=3)[0]
    solution = ritz.solve(problem.at(mu), "full-order")
    assert solution.converged
    assert solution.residual == problem.relative_residual(solution.x, mu)
    prepared = ritz.solvers.reduced_basis.full_order_solver.FullOrder().prepare(problem)
    np.testing.assert_array_equal(prepared.solve(mu).x, solution.x)
    assert prepared.solve(mu, callback=lambda *_: True).status is ritz.Status.INTERRUPTED
    warm = prepared.solve(mu, x0=solution.x)
    assert sum(warm.stats["newton_iterations"]) <= sum(solution.stats["newton_iterations"])
    assert warm.residual < 1e-8


@every_problem
def test_solutions_are_drawn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = ritz.solve(small(name), "full-order").plot().axes
    assert ("real part" in axes[0].get_title(loc="left") + axes[0].get_title()) == (name == "helmholtz-lens")


# What is known of single problems.


def test_thermal_block_of_one_material_is_a_membrane():
    problem = ritz.problems.thermal_block((63, 63))
    middle = problem.solution(np.ones(4)).max()
    assert middle == pytest.approx(0.0736713, rel=1e-3)  # of -Δu = 1 on the unit square
    np.testing.assert_allclose(problem.solution(np.full(4, 0.5)), 2 * problem.solution(np.ones(4)))


def test_two_materials_keep_the_flux_across_the_interface():
    """Heat that the source gives leaves through the boundary, whatever the materials."""
    problem = ritz.problems.two_materials((40, 40))
    mu = problem.at(conductivity=1.0, y=0.4).query
    outflow = problem.affine.operator(mu) @ problem.solution(mu)
    source = -problem.term.value(np.zeros(problem.size), mu)
    assert outflow.sum() == pytest.approx(source.sum(), rel=1e-10)
    assert source.sum() == pytest.approx(2 * np.pi * mu[2] ** 2, rel=1e-3)


def test_cavity_agrees_with_published_flow():
    problem = ritz.problems.lid_driven_cavity((63, 63))
    u = problem.solution([2.0, 1.0, 0.0])
    assert u.min() == pytest.approx(-0.1034, rel=0.01)  # Ghia, Ghia & Shin (1982), Re = 100
    upside_down = problem.grid.field(problem.solution([2.0, 0.0, 1.0]))[:, ::-1]
    np.testing.assert_allclose(upside_down, -problem.grid.field(u), atol=1e-9)


def test_wind_turns_with_its_angle():
    problem = ritz.problems.rotating_wind((20, 20))
    field = problem.grid.field(problem.solution([0.7, 1.5, 0.3]))
    mirrored = problem.grid.field(problem.solution([-0.7, 1.5, 0.3]))
    np.testing.assert_allclose(mirrored[:, ::-1], field, atol=1e-10)
    turned = problem.grid.field(problem.solution([np.pi - 0.7, 1.5, 0.7]))
    np.testing.assert_allclose(turned[::-1], field, atol=1e-10)


def test_burgers_conserves_its_mass_and_moves_right():
    problem = ritz.problems.burgers((200,), steps=50)
    u = problem.solution([-2.5, 1.0, 0.4])
    assert u[-1].sum() == pytest.approx(u[0].sum(), rel=0.01)  # a pulse in the middle; a little leaves by diffusion
    assert u[-1].argmax() > u[0].argmax() + 40
    assert u.min() > -1e-12
    assert u.max() <= u[0].max() + 1e-12


def test_helmholtz_phase_turns_the_solution():
    problem = ritz.problems.helmholtz_lens((25, 25))
    u, turned = problem.solution([9.0, 0.3, 0.0]), problem.solution([9.0, 0.3, 1.0])
    np.testing.assert_allclose(turned, np.exp(1j) * u)
    fine = ritz.problems.helmholtz_lens((97, 97))
    finer = fine.grid.field(fine.solution([6.0, 0.5, 0.0]))[::4, ::4].ravel()
    coarse = problem.solution([6.0, 0.5, 0.0])
    assert np.linalg.norm(coarse - finer) < 0.15 * np.linalg.norm(finer)


def test_allen_cahn_keeps_its_mirror_symmetry_and_loses_energy():
    problem = ritz.problems.allen_cahn((16, 16), steps=20)
    mu = problem.sample(1, seed=5)[0]
    u = problem.solution(mu)
    np.testing.assert_allclose(problem.solution(-mu), -u, atol=1e-8)
    quadratic = problem.affine.operator(mu) + problem.mass
    volume = problem.mass.diagonal()[0]
    energy = [0.5 * state @ (quadratic @ state) + 0.25 * volume * ((state**2 - 1) ** 2).sum() for state in u]
    assert (np.diff(energy) < 1e-12).all()


def test_laser_heats_in_proportion_without_the_nonlinear_part():
    problem = ritz.problems.laser_track((12, 12), steps=6)
    u = problem.solution([0.5, 0.1, 0.5, 0.0])
    np.testing.assert_allclose(problem.solution([0.5, 0.1, 1.5, 0.0]), 10 * u, atol=1e-10)
    hot, spread = problem.solution([0.5, 0.1, 1.5, 0.0]), problem.solution([0.5, 0.1, 1.5, 2.0])
    assert spread.max() < hot.max()


def test_plate_is_linear_in_its_load_and_softer_rings_yield_more():
    problem = ritz.problems.perforated_plate(0)
    u = problem.solution([0.3, -0.2, 0.0, 0.0])
    np.testing.assert_allclose(problem.solution([0.3, -0.2, np.pi, 1.0]), -10 * u, atol=1e-10)
    load = problem.affine.load(np.array([0.3, -0.2, 0.0, 0.0]))
    assert load @ problem.solution([-0.5, -0.2, 0.0, 0.0]) > load @ u > 0


# Snapshots.


def cubic(mu):
    time.sleep(float(os.environ.get("RITZ_TEST_SLEEP", "0")))
    return np.array([mu[0], mu[0] ** 2, mu[1] ** 3])


def counted(mu):
    with open(os.environ["RITZ_TEST_LOG"], "a") as log:
        log.write(f"{mu[0]!r}\n")
    return cubic(mu)


RANGES = {"a": (0.5, 1.0), "b": (-1.0, 1.0)}


def test_snapshots_are_solutions_and_fill_the_range():
    problem = ritz.ParametricPDE(cubic, RANGES)
    points = problem.sample(50)
    assert (points.min(axis=0) < [0.53, -0.9]).all()
    assert (points.max(axis=0) > [0.97, 0.9]).all()
    snapshots = problem.snapshots(points)
    np.testing.assert_array_equal(snapshots.states, [cubic(mu) for mu in points])
    assert snapshots.names == ("a", "b")
    np.testing.assert_array_equal(problem.snapshots(50).states, snapshots.states)
    assert not np.array_equal(problem.sample(50, seed=1), points)
    assert len(problem.sample(7, design="grid")) == 7
    assert problem.sample(9, design="random").shape == (9, 2)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors_give_the_same(kind):
    problem = small("burgers")
    points = problem.sample(5)
    pool = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with pool as executor:
        snapshots = problem.snapshots(points, keep=3, executor=executor)
    expected = problem.snapshots(points, keep=3)
    np.testing.assert_array_equal(snapshots.states, expected.states)
    np.testing.assert_array_equal(snapshots.groups, np.repeat(np.arange(5), 3))
    np.testing.assert_allclose(snapshots.times[:3], problem.times[[2, 4, 6]])


def test_problems_that_cannot_travel_say_so():
    lock = threading.Lock()  # which nothing can pickle
    problem = ritz.ParametricPDE(lambda mu: mu if lock else -mu, RANGES)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        pytest.raises(ritz.InvalidProblem, match="ThreadPoolExecutor"),
    ):
        problem.snapshots(3, executor=executor)


def log_of(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("RITZ_TEST_LOG", str(path))
    return lambda: len(path.read_text().split())


def test_cache_goes_on_and_computes_damaged_files_again(tmp_path, monkeypatch):
    solved = log_of(tmp_path, monkeypatch)
    problem = ritz.ParametricPDE(counted, RANGES, name="counted")
    first = problem.snapshots(6, cache=tmp_path / "cache")
    assert solved() == 6
    again = problem.snapshots(9, cache=tmp_path / "cache")
    assert solved() == 6 + 3 + 1  # one is computed again to see that the cache is true
    np.testing.assert_array_equal(again.states[:6], first.states)

    file = sorted((tmp_path / "cache").iterdir())[0]
    file.write_bytes(file.read_bytes()[:-3] + b"???")
    with pytest.warns(UserWarning, match="damaged"):
        healed = problem.snapshots(9, cache=tmp_path / "cache")
    np.testing.assert_array_equal(healed.states, again.states)

    renamed = replace(problem, name="another")
    renamed.snapshots(2, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 11


def test_fingerprints_see_data_and_code():
    def family(shift, power):
        def solve(mu, depth=2):
            return solve(mu, depth - 1) if depth else np.array([shift + mu[0] ** power])

        return ritz.ParametricPDE(solve, {"a": (0.0, 1.0)})

    same = {fingerprint(problem) for problem in (family(1.0, 2), family(1.0, 2), family(1.0, 2).at(a=0.1))}
    assert len(same) == 1
    others = {fingerprint(problem) for problem in (family(1.5, 2), family(1.0, 3), small("thermal-block"))}
    others.add(fingerprint(replace(family(1.0, 2), name="other")))
    assert len(others | same) == 5


SCALE = 1.0


def scaled(mu):
    return SCALE * cubic(mu)


def test_stale_cache_is_refused(tmp_path, monkeypatch):
    problem = ritz.ParametricPDE(scaled, RANGES, name="scaled")
    problem.snapshots(3, cache=tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    with pytest.raises(ritz.InvalidProblem, match="stale"):
        problem.snapshots(3, cache=tmp_path)


KILLED = """
import os, sys, time, numpy as np, ritz
def slow(mu):
    with open(os.environ["RITZ_TEST_LOG"], "a") as log:
        log.write("begun\\n")
    time.sleep(0.1)
    return np.array([mu[0], 1.0])
ritz.ParametricPDE(slow, {"a": (0.0, 1.0)}, name="slow").snapshots(200, cache=sys.argv[1])
"""


def test_a_killed_run_loses_no_more_than_what_was_running(tmp_path, monkeypatch):
    begun = log_of(tmp_path, monkeypatch)
    folder = tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)])
    try:
        deadline = time.monotonic() + 60.0
        while len(list(folder.glob("*.snapshot"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = [np.load(io.BytesIO(file.read_bytes()[32:])) for file in folder.glob("*.snapshot")]
    assert 3 <= len(kept) < 200
    assert begun() - len(kept) <= 1
    assert all(solution.shape == (2,) for solution in kept)


FORM = ritz.AffineForm([np.eye(3)], np.ones, np.ones((1, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"solve": None}, "neither solve nor affine"),
        ({"solve": 3}, "solve is a int"),
        ({"parameters": {}}, "parameters is empty"),
        ({"parameters": {"a": (1.0, 1.0)}}, "lowest must be below"),
        ({"parameters": {"a": (0.0, np.inf)}}, "finite"),
        ({"parameters": {"a": 3.0}}, r"must be \(lowest, highest\)"),
        ({"product": -np.eye(3), "affine": FORM}, "positive definite"),
        ({"term": small("moving-reaction").term}, "without affine"),
        ({"term": small("moving-reaction").term, "affine": FORM}, "72 entries"),
        ({"times": [0.0, 0.0]}, "increasing"),
        ({"affine": FORM, "mass": np.eye(3)}, "all three"),
        ({"affine": FORM, "mass": np.eye(2), "times": [0.0, 1.0], "initial": cubic}, "mass has shape"),
        ({"query": [1.0]}, "mu has shape"),
        ({"query": [np.nan, 0.0]}, "a is NaN"),
    ],
)
def test_bad_problems(arguments, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        ritz.ParametricPDE(**{"solve": cubic, "parameters": RANGES, **arguments})


@pytest.mark.parametrize(
    ("operators", "vectors", "message"),
    [
        ([], np.ones((1, 3)), "operators is empty"),
        ([np.eye(3), np.eye(2)], np.ones((1, 3)), r"operators\[1\]"),
        ([np.full((3, 3), np.nan)], np.ones((1, 3)), "NaN"),
        ([np.eye(3)], np.ones(3), "vectors has shape"),
        ([np.eye(3)], np.full((1, 3), np.inf), "vectors has entries"),
    ],
)
def test_bad_affine_forms(operators, vectors, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        ritz.AffineForm(operators, np.ones, vectors)


def test_bad_coefficients_are_named():
    with pytest.raises(ritz.InvalidProblem, match=r"coefficients\(mu\) has shape"):
        ritz.ParametricPDE(None, RANGES, affine=ritz.AffineForm([np.eye(3)], lambda mu: mu, np.ones((1, 3)))).solution()


@pytest.mark.parametrize(
    ("reads", "data"), [([0, 1], [[0.0]]), ([[0], [2]], np.zeros((2, 1))), ([[0]], np.zeros((2, 1)))]
)
def test_bad_terms(reads, data):
    with pytest.raises(ritz.InvalidProblem, match="reads"):
        ritz.PointwiseTerm(lambda *_: None, np.array(reads), np.array(data))


def test_queries():
    problem = ritz.ParametricPDE(cubic, RANGES)
    np.testing.assert_array_equal(problem.at(b=0.25).query, [0.75, 0.25])
    with pytest.raises(ritz.UnknownName, match="did you mean 'a'"):
        ritz.ParametricPDE(cubic, {"amplitude": (0, 1), "a": (0, 1)}).at(aa=0.5)
    with pytest.warns(ExtrapolationWarning, match="b = 3 lies outside"):
        problem.at(b=3.0)
    with pytest.warns(ExtrapolationWarning, match="a = 9"):
        problem.snapshots(np.array([[0.6, 0.0], [9.0, 0.0]]))
    with pytest.raises(ritz.InvalidProblem, match=r"\(N, 2\): a, b"):
        problem.snapshots(np.ones((3, 1)))
    with pytest.raises(ritz.UnknownName, match="halton"):
        problem.sample(3, design="haltn")
    with pytest.raises(ritz.InvalidProblem, match="count"):
        problem.sample(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem.snapshots(np.array([[0.5, -1.0], [1.0, 1.0]]))


def test_functions_alone_have_no_residual():
    problem = ritz.ParametricPDE(cubic, RANGES)
    solution = ritz.solve(problem, "full-order")
    np.testing.assert_array_equal(solution.x, cubic(problem.query))
    assert np.isnan(solution.residual)
    with pytest.raises(ritz.InvalidProblem, match="a function alone"):
        problem.residual(solution.x)
