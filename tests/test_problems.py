"""Every registered problem: its reference, its tags, its seeds, and what it says to bad arguments."""

from __future__ import annotations

import gzip
import inspect
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import mmwrite
from scipy.sparse import csr_array, diags_array

import ritz
from ritz.errors import InvalidProblem, MissingExtra, UnknownName
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
from ritz.problems.matrices.gallery import MATRICES
from ritz.registry import problems
from ritz.solvers.krylov.conjugate_gradients import ConjugateGradients

BOUNDARIES = ["dirichlet", "neumann", "periodic", "mixed", {"x-": "neumann", "y+": "neumann"}]
MASK = np.zeros((9, 11), dtype=bool)
MASK[3:7, 4:8] = True
MASK[4:6, 5:7] = False  # a pocket of fluid inside
RANDOM_CELLS = np.random.default_rng(3).uniform(0.5, 2.0, (9, 11))

# (name, arguments, whether `exact` solves the discrete system itself)
CASES = [
    *[("poisson", {"shape": (9, 12), "boundary": boundary}, False) for boundary in BOUNDARIES],
    *[("poisson", {"shape": (12, 9), "boundary": boundary, "obstacles": 4}, True) for boundary in BOUNDARIES],
    ("poisson", {"shape": (7, 6, 5), "boundary": "neumann", "obstacles": 3, "solid_boundary": "neumann"}, True),
    ("poisson", {"shape": (7, 6, 5), "boundary": "mixed"}, False),
    ("poisson", {"shape": (40,), "boundary": "periodic"}, False),
    *[("diffusion", {"shape": (12, 9), "contrast": 1e6, "boundary": boundary}, True) for boundary in BOUNDARIES],
    *[("diffusion", {"shape": (12, 9), "coefficient": "rotated", "boundary": b}, True) for b in BOUNDARIES],
    ("diffusion", {"shape": (6, 5, 7), "coefficient": "lognormal"}, True),
    ("diffusion", {"shape": (9, 11), "coefficient": RANDOM_CELLS}, True),
    ("from_grid", {}, True),
    ("from_grid", {"mask": MASK, "solid_boundary": "neumann"}, True),
    ("from_grid", {"mask": MASK, "coefficient": RANDOM_CELLS, "boundary": "periodic", "spacing": (1.0, 0.5)}, True),
    ("from_grid", {"mask": MASK, "solid_boundary": "dirichlet", "boundary": "neumann"}, True),
    ("from_grid", {"coefficient": RANDOM_CELLS, "boundary": "neumann"}, True),
    ("helmholtz", {"shape": (12, 12), "shift": 30.0}, False),
    ("helmholtz", {"shape": (12, 12)}, False),
    ("helmholtz", {"shape": (12, 12), "shift": 30.0, "boundary": "neumann"}, False),
    ("advection_diffusion", {"shape": (12, 9)}, False),
    ("advection_diffusion", {"shape": (6, 5, 7), "velocity": "recirculating", "scheme": "central"}, False),
    ("heat", {"shape": (12, 9)}, None),
    ("heat", {"shape": (6, 5, 7), "scheme": "crank-nicolson", "boundary": "neumann"}, None),
    ("pressure_projection", {"shape": (16, 20), "obstacles": 3}, None),
    ("pressure_projection", {"shape": (8, 8, 10)}, None),
    ("fem", {"refinements": 1}, False),
    ("fem", {"kind": "elasticity", "refinements": 1}, False),
    *[("gallery", {"name": name}, True) for name in MATRICES],
    ("matrix_market", {}, True),
]
OWN = {case[0] for case in CASES}
# No linear systems: tested in test_pde.py, test_gp_hm.py, test_least_squares.py, test_lp_regression.py, test_graphs.py,
# test_parametric.py, test_evolution.py.
ELSEWHERE = {"manufactured", "regression", "adversarial-regression", "sparse-regression", "lp-regression"}
ELSEWHERE |= {"graph", "stochastic-block-model", "lfr", "neighbour-graph", "grid-graph", "ring-of-cliques"}
ELSEWHERE |= {name for name in problems.names() if name.startswith("gp-hm-")}
ELSEWHERE |= {n for n in problems.names() if {"parametric", "evolution"} & set(problems[n].__module__.split("."))}
# Problems that are not named above are tested with their defaults; either kind of reference will do.
CASES += [(name, {}, None) for name in sorted(set(problems.names()) - OWN - ELSEWHERE)]


def label(case):
    name, arguments, _ = case
    return f"{name}-" + "-".join(str(v) if np.ndim(v) < 2 else "array" for v in arguments.values()).replace(" ", "")


every_case = pytest.mark.parametrize("case", CASES, ids=label)


@pytest.fixture
def market(tmp_path):
    path = tmp_path / "laplacian.mtx"
    mmwrite(path, diags_array([-np.ones(29), 2 * np.ones(30), -np.ones(29)], offsets=[-1, 0, 1]).tocsr())
    return path


def build(case, market, **changes):
    name, arguments, _ = case
    first = (market,) if name == "matrix_market" else ()
    return problems[name](*first, **{**arguments, **changes})


def system_of(problem):
    return problem.first() if isinstance(problem, SystemSequence) else problem


def test_every_problem_has_a_picture():
    from ritz.figures.galleries.problem_gallery import PANELS

    assert {panel.problem for panel in PANELS.values()} == OWN
    assert len(PANELS) == 16


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES} - {"matrix_market"}))
def test_problems_work_with_their_defaults(name):
    problem = problems[name]()
    assert isinstance(problem, (LinearSystem, SystemSequence))
    assert problem.name


@pytest.mark.parametrize("name", sorted(OWN))
def test_problems_are_reexported(name):
    assert problems[name] is getattr(ritz.problems, name)


@every_case
def test_reference_and_grid(case, market):
    problem = build(case, market)
    if isinstance(problem, SystemSequence):
        if problem.exact is not None:
            np.testing.assert_allclose(problem.exact(0), problem.state)
        return
    assert problem.exact.shape == problem.rhs.shape == (problem.size,)
    assert np.linalg.norm(problem.rhs) > 0
    residual = np.linalg.norm(problem.operator @ problem.exact - problem.rhs) / np.linalg.norm(problem.rhs)
    if case[2] is not None:
        # Otherwise the discretisation error is seen: the exact solution of the PDE is not that of the system.
        assert (residual < 1e-11) if case[2] else (residual > 1e-6)
    if not case[2]:
        difference = np.linalg.lstsq(problem.operator.to_dense(), problem.rhs, rcond=1e-12)[0] - problem.exact
        assert np.linalg.norm(difference) < 0.35 * np.linalg.norm(problem.exact)
    if problem.grid is not None:
        assert problem.grid.field(problem.exact).shape == problem.grid.shape
        if problem.grid.solid is not None:
            solid = problem.grid.solid.ravel()
            assert not problem.rhs[solid].any()
            assert not problem.exact[solid].any()


@every_case
def test_tags_hold(case, market):
    operator = system_of(build(case, market)).operator
    matrix = operator.to_dense()
    size = np.abs(matrix).max()
    symmetric = np.abs(matrix - matrix.T).max() <= 1e-12 * size
    assert symmetric == (Tag.SYMMETRIC in operator.tags)
    if not symmetric:
        return
    eigenvalues = np.linalg.eigvalsh(matrix)
    zero = 1e-12 * eigenvalues[-1]
    count = 0 if operator.nullspace is None else operator.nullspace.count
    assert np.count_nonzero(np.abs(eigenvalues) <= zero) == count
    if Tag.POSITIVE_DEFINITE in operator.tags:
        assert eigenvalues[0] > zero
    elif Tag.SEMIDEFINITE in operator.tags:
        assert eigenvalues[0] >= -zero
        assert count > 0
    elif case[0] == "helmholtz":
        assert eigenvalues[0] < -zero


@every_case
def test_right_hand_side_is_consistent(case, market):
    system = system_of(build(case, market))
    if system.operator.nullspace is not None:
        system.operator.nullspace.check_consistent(system.rhs, 1e-12 * np.linalg.norm(system.rhs))


@every_case
def test_seeds(case, market):
    problem = build(case, market)
    again, matrix = system_of(build(case, market)), system_of(problem).operator.to_sparse()
    assert np.array_equal(system_of(problem).rhs, again.rhs)
    assert (matrix != again.operator.to_sparse()).nnz == 0
    if "seed" in inspect.signature(problems[case[0]]).parameters and not (
        case[0] == "poisson" and not case[1].get("obstacles")
    ):
        assert not np.array_equal(system_of(problem).rhs, system_of(build(case, market, seed=7)).rhs)


@every_case
def test_single_precision(case, market):
    system = system_of(build(case, market))
    single = system.astype(np.float32)
    assert single.dtype == single.rhs.dtype == np.float32
    product = single.operator @ single.rhs
    assert product.dtype == np.float32
    expected = system.operator @ system.rhs
    assert np.linalg.norm(product - expected) < 1e-5 * np.linalg.norm(
        np.abs(system.operator.to_sparse()) @ np.abs(system.rhs)
    )


def test_inputs_are_not_modified(market):
    mask, cells, rhs = MASK.copy(), RANDOM_CELLS.copy(), np.ones(MASK.shape)
    for array in (mask, cells, rhs):
        array.flags.writeable = False
    assert ritz.problems.from_grid(mask, cells, rhs=rhs, solid_boundary="dirichlet").exact is None
    ritz.problems.diffusion(cells.shape, coefficient=cells)
    values = np.ones(30)
    system = ritz.problems.matrix_market(market, values)
    assert np.array_equal(system.rhs, values)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple),
    boundary=st.sampled_from(["dirichlet", "neumann", "periodic", "mixed"]),
    obstacles=st.integers(0, 6),
    wall=st.sampled_from(["dirichlet", "neumann"]),
    seed=st.integers(0, 5),
)
def test_odd_shapes(shape, boundary, obstacles, wall, seed):
    for system in (
        ritz.problems.poisson(shape, boundary=boundary, obstacles=obstacles, solid_boundary=wall, seed=seed),
        ritz.problems.diffusion(shape, boundary=boundary, seed=seed),
        ritz.problems.diffusion(shape, boundary=boundary, coefficient="lognormal", seed=seed),
        ritz.problems.heat(shape, boundary=boundary).first(),
        ritz.problems.advection_diffusion(shape),
        *([ritz.problems.pressure_projection(shape, obstacles=obstacles, seed=seed).first()] if len(shape) > 1 else []),
    ):
        assert system.size == np.prod(shape)
        matrix = system.operator.to_dense()
        x = np.linalg.lstsq(matrix, system.rhs, rcond=1e-13)[0]
        scale = np.abs(matrix).max() * np.linalg.norm(x) + np.linalg.norm(system.rhs)
        assert np.linalg.norm(matrix @ x - system.rhs) <= 1e-10 * scale


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(1, 24), min_size=1, max_size=3).map(tuple),
    count=st.integers(0, 30),
    seed=st.integers(0, 10_000),
)
def test_obstacles_always_leave_fluid(shape, count, seed):
    solid = ritz.problems.random_obstacles(shape, count, seed)
    assert solid.shape == shape
    assert np.count_nonzero(~solid) >= solid.size / 2
    assert solid.any() or count == 0 or solid.size < 64


def test_obstacles_have_thin_plates_and_differ_by_seed():
    masks = [ritz.problems.random_obstacles((64, 64), 3, seed) for seed in range(20)]
    assert len({mask.tobytes() for mask in masks}) == 20
    # A plate one or two cells thin does not survive erosion by one cell from both sides.
    from scipy.ndimage import binary_opening

    thin = [mask & ~binary_opening(mask, np.ones((3, 3))) for mask in masks]
    assert sum(part.sum() > 10 for part in thin) >= 18  # a box may cover one


@pytest.mark.parametrize("kind", ["inclusions", "lognormal"])
@pytest.mark.parametrize("contrast", [1, 1e3, 1e6])
def test_contrast_is_the_ratio_of_extreme_cells(kind, contrast):
    cells = ritz.problems.diffusion_coefficient((48, 40), kind, contrast)
    assert cells.max() / cells.min() == pytest.approx(contrast)


def test_lognormal_field_has_the_correlation_asked_for():
    length, n = 0.05, 256
    fields = [np.log(ritz.problems.diffusion_coefficient((n, n), "lognormal", 1e3, s, length)) for s in range(4)]
    lag = round(length * n)
    ratio = np.mean([np.mean(f[lag:] * f[:-lag]) / np.mean(f * f) for f in fields])
    assert ratio == pytest.approx(np.exp(-0.5), abs=0.1)


def test_own_grid_agrees_with_poisson():
    system = ritz.problems.poisson((16, 12), obstacles=3, seed=2)
    same = ritz.problems.from_grid(system.grid.solid, rhs=system.rhs.reshape(16, 12), solid_boundary="dirichlet")
    assert np.abs(same.operator.to_dense() - system.operator.to_dense()).max() == 0
    assert np.array_equal(same.rhs, system.rhs)
    assert np.array_equal(same.grid.axes[0], system.grid.axes[0])


def test_own_grid_refuses_an_inconsistent_right_hand_side_and_zeroes_it_in_obstacles():
    with pytest.raises(InvalidProblem, match=r"rhs is inconsistent.*4 unknowns"):
        ritz.problems.from_grid(MASK, rhs=np.ones(MASK.shape), solid_boundary="neumann")
    system = ritz.problems.from_grid(MASK, rhs=np.ones(MASK.shape))
    assert np.array_equal(system.rhs.reshape(MASK.shape), ~MASK)


def test_helmholtz_refuses_resonance():
    grid = ritz.problems.helmholtz((8, 8), boundary="neumann", shift=1.0)
    eigenvalue = np.linalg.eigvalsh(grid.operator.to_dense())[5] - 1.0
    with pytest.raises(InvalidProblem, match="shift"):
        ritz.problems.helmholtz((8, 8), boundary="neumann", shift=-eigenvalue)


@pytest.mark.parametrize("shape", [(24, 32), (10, 9, 12)])
def test_smoke_is_free_of_divergence_after_each_step_and_rises(shape):
    sequence = ritz.problems.pressure_projection(shape, steps=8, obstacles=2)
    prepared = ConjugateGradients().prepare(sequence.first())
    h, rtol, state = 1 / max(shape), 1e-10, sequence.state
    heights = []
    for after, _ in sequence.march(lambda b: prepared.solve(b, rtol=rtol).raise_for_status().x):
        norm = np.linalg.norm(ritz.problems.divergence(state.tentative, h))
        inside = ritz.problems.divergence(after.velocity, h)
        assert np.linalg.norm(inside) <= 1.1 * rtol * norm
        for axis, component in enumerate(after.velocity):
            walls = np.moveaxis(component, axis, 0)
            assert not walls[0].any()
            assert not walls[-1].any()
            cells = np.moveaxis(sequence.grid.solid, axis, 0)
            assert not walls[:-1][cells].any()
            assert not walls[1:][cells].any()
        assert after.smoke.min() >= 0
        assert after.smoke.max() <= 1
        heights.append(np.average(np.arange(shape[-1]), weights=after.smoke.sum(axis=tuple(range(len(shape) - 1)))))
        state = after
    assert np.all(np.diff(heights) > 0)


def test_heat_is_conserved_between_insulated_walls():
    sequence = ritz.problems.heat((20, 16), boundary="neumann", steps=3)
    trajectory = ritz.solve(sequence, "cg", rtol=1e-12)
    assert trajectory.x.sum() == pytest.approx(sequence.state.sum())
    assert trajectory.x.sum() / 20**2 == pytest.approx(1.0, rel=1e-3)  # a unit source in the beginning


def test_finite_elements_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfem", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ritz\[fem\]'"):
        ritz.problems.fem()


def test_gallery_names_are_those_pyamg_ships():
    import pathlib

    import pyamg.gallery

    shipped = {path.stem for path in (pathlib.Path(pyamg.gallery.__file__).parent / "example_data").glob("*.mat")}
    assert shipped == set(MATRICES) | {"helmholtz_2D"}


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


HEADER = "%%MatrixMarket matrix "


def test_matrix_market_reads_what_the_format_allows(tmp_path):
    matrix = [[4.0, -1.0], [-1.0, 3.0]]
    files = {
        "symmetric.mtx": HEADER + "coordinate real symmetric\n2 2 3\n1 1 4\n2 1 -1\n2 2 3\n",
        "general.mtx.gz": HEADER + "coordinate real general\n2 2 4\n1 1 4\n2 1 -1\n1 2 -1\n2 2 3\n",
        "integer.mtx": HEADER + "coordinate integer general\n2 2 4\n1 1 4\n2 1 -1\n1 2 -1\n2 2 3\n",
        "array.mtx": HEADER + "array real general\n2 2\n4\n-1\n-1\n3\n",
    }
    for name, text in files.items():
        system = ritz.problems.matrix_market(write(tmp_path / name, text))
        assert system.operator.to_dense().tolist() == matrix
        assert Tag.SYMMETRIC in system.operator.tags
        assert system.dtype == np.float64
        assert system.name == name.split(".")[0]
    rhs = write(tmp_path / "rhs.mtx", HEADER + "array real general\n2 1\n5\n6\n")
    system = ritz.problems.matrix_market(str(tmp_path / "array.mtx"), rhs)
    assert system.rhs.tolist() == [5.0, 6.0]
    assert system.exact is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable"),
        ("not a matrix at all", "not a readable"),
        (HEADER + "coordinate real general\n2 2 2\n1 1 1\n", "not a readable"),
        (HEADER + "coordinate real general\n2 2 1\n3 3 1\n", "not a readable"),
        (HEADER + "coordinate real general\n2 2 1\n1 1 one\n", "not a readable"),
        (HEADER + "coordinate complex general\n1 1 1\n1 1 1 2\n", "complex"),
        (HEADER + "coordinate pattern general\n1 1 1\n1 1\n", "pattern"),
        (HEADER + "coordinate real general\n2 3 1\n1 1 1\n", "2 x 3"),
        (HEADER + "coordinate real general\n2 2 2\n1 1 nan\n2 2 1\n", "NaN"),
        (HEADER + "coordinate real general\n0 0 0\n", "empty"),
    ],
)
@pytest.mark.parametrize("suffix", [".mtx", ".mtx.gz"])
def test_matrix_market_refuses(tmp_path, text, message, suffix):
    with pytest.raises(InvalidProblem, match=message):
        ritz.problems.matrix_market(write(tmp_path / f"bad{suffix}", text))


def test_matrix_market_refuses_broken_paths_and_right_hand_sides(tmp_path, market):
    (tmp_path / "truncated.mtx.gz").write_bytes(gzip.compress(market.read_bytes())[:40])
    (tmp_path / "plain.mtx.gz").write_bytes(market.read_bytes())
    for path, message in [
        (tmp_path / "absent.mtx", "names no file"),
        (tmp_path, "names no file"),
        (None, "NoneType"),
        (csr_array(np.eye(2)), "csr_array"),
        (tmp_path / "truncated.mtx.gz", "not a readable"),
        (tmp_path / "plain.mtx.gz", "not a readable"),
    ]:
        with pytest.raises(InvalidProblem, match=message):
            ritz.problems.matrix_market(path)
    with pytest.raises(InvalidProblem, match=r"rhs.*names no file"):
        ritz.problems.matrix_market(market, tmp_path / "absent.mtx")
    with pytest.raises(InvalidProblem, match="rhs has shape"):
        ritz.problems.matrix_market(market, np.ones(3))
    with pytest.raises(InvalidProblem, match="rhs has shape"):
        ritz.problems.matrix_market(market, write(tmp_path / "short.mtx", HEADER + "array real general\n1 1\n5\n"))


GRID_PROBLEMS = ["poisson", "diffusion", "helmholtz", "advection_diffusion", "heat", "pressure_projection"]
BAD_SHAPES = [(), (0, 4), (-3, 4), (2.5, 4), (4, 4, 4, 4), "44", None, (True, 4), ("4", "4"), {"x": 4}]
BAD_CELLS = np.where(np.eye(4), np.nan, 1.0)
WITH_SEED = ["poisson", "diffusion", "pressure_projection", "gallery"]


@pytest.mark.parametrize("shape", BAD_SHAPES, ids=str)
@pytest.mark.parametrize("name", GRID_PROBLEMS)
def test_bad_shapes(name, shape):
    with pytest.raises(InvalidProblem, match="shape is"):
        problems[name](shape)


@pytest.mark.parametrize("seed", [-1, 0.5, None, "a", True])
@pytest.mark.parametrize("name", WITH_SEED)
def test_bad_seeds(name, seed):
    with pytest.raises(InvalidProblem, match="seed is"):
        problems[name](seed=seed)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("poisson", {"boundary": "dirichlets"}, "boundary condition 'dirichlets'"),
        ("poisson", {"boundary": {"z-": "neumann"}}, "boundary names the sides"),
        ("poisson", {"boundary": {"x-": "periodic"}}, "periodic must hold on both"),
        ("poisson", {"boundary": 3}, "boundary is 3"),
        ("poisson", {"boundary": None}, "boundary is None"),
        ("poisson", {"obstacles": -1}, "obstacles is -1"),
        ("poisson", {"obstacles": 1.5}, "obstacles is 1.5"),
        ("poisson", {"solid_boundary": "neuman"}, "did you mean 'neumann'"),
        ("diffusion", {"contrast": 0}, "contrast is 0"),
        ("diffusion", {"contrast": -5.0}, "contrast is -5.0"),
        ("diffusion", {"contrast": np.nan}, "contrast is nan"),
        ("diffusion", {"contrast": 0.1}, "contrast is 0.1"),
        ("diffusion", {"contrast": "big"}, "contrast is 'big'"),
        ("diffusion", {"coefficient": "lognormla"}, "did you mean 'lognormal'"),
        ("diffusion", {"coefficient": None}, "coefficient"),
        ("diffusion", {"coefficient": "lognormal", "correlation_length": 0.0}, "correlation_length is 0.0"),
        ("diffusion", {"shape": (4, 4), "coefficient": BAD_CELLS}, "coefficient has 4 cells"),
        ("diffusion", {"shape": (4, 4), "coefficient": -np.ones((4, 4))}, "coefficient has 16 cells"),
        ("diffusion", {"shape": (4, 4), "coefficient": np.ones((4, 5))}, r"coefficient has shape \(4, 5\)"),
        ("diffusion", {"shape": (4, 4), "coefficient": np.ones((4, 4), complex)}, "coefficient is complex"),
        ("diffusion", {"shape": (4, 4), "coefficient": [["a"] * 4] * 4}, "coefficient cannot be read"),
        ("diffusion", {"shape": (4, 4, 4), "coefficient": "rotated"}, "for 2-D problems"),
        ("diffusion", {"coefficient": "rotated", "anisotropy": 0.0}, "anisotropy is 0.0"),
        ("diffusion", {"coefficient": "rotated", "angle": np.inf}, "angle is inf"),
        ("diffusion", {"shape": (1, 4), "coefficient": "rotated", "boundary": "neumann"}, "shape is"),
        ("from_grid", {"coefficient": 2.0}, "coefficient is one number"),
        ("from_grid", {"mask": np.ones((3, 3), bool)}, "no fluid"),
        ("from_grid", {"mask": np.full((3, 3), 0.5)}, "mask has dtype"),
        ("from_grid", {"mask": np.zeros((2, 2, 2, 2), bool)}, "shape is"),
        ("from_grid", {"mask": np.zeros((0, 2), bool)}, "shape is"),
        ("from_grid", {"mask": MASK, "coefficient": np.ones((3, 3))}, "coefficient has shape"),
        ("from_grid", {"mask": MASK, "coefficient": 0.0}, "coefficient is 0.0"),
        ("from_grid", {"mask": MASK, "spacing": 0.0}, "spacing is 0.0"),
        ("from_grid", {"mask": MASK, "spacing": (1.0, 1.0, 1.0)}, "spacing has 3 numbers"),
        ("from_grid", {"mask": MASK, "spacing": "wide"}, "spacing is 'wide'"),
        ("from_grid", {"mask": MASK, "rhs": np.ones(5)}, "rhs has shape"),
        ("from_grid", {"mask": MASK, "rhs": np.full(MASK.shape, np.nan)}, "rhs has"),
        ("from_grid", {"mask": MASK, "solid_boundary": "wall"}, "solid_boundary"),
        ("from_grid", {"mask": MASK, "boundary": "wall"}, "boundary condition 'wall'"),
        ("helmholtz", {"shift": np.nan}, "shift is nan"),
        ("helmholtz", {"shift": 1j}, "shift is 1j"),
        ("advection_diffusion", {"peclet": 0.0}, "peclet is 0.0"),
        ("advection_diffusion", {"scheme": "upwnd"}, "did you mean 'upwind'"),
        ("advection_diffusion", {"velocity": "recirc"}, "recirculating"),
        ("advection_diffusion", {"velocity": (1.0,)}, "velocity is"),
        ("advection_diffusion", {"velocity": (0.0, 0.0)}, "velocity is zero"),
        ("advection_diffusion", {"velocity": (np.nan, 0.0)}, "velocity is nan"),
        ("advection_diffusion", {"velocity": None}, "velocity is None"),
        ("advection_diffusion", {"shape": (8,), "velocity": "recirculating"}, "two or three axes"),
        ("heat", {"steps": 0}, "steps is 0"),
        ("heat", {"dt": -1.0}, "dt is -1.0"),
        ("heat", {"scheme": "crank-nicholson"}, "did you mean 'crank-nicolson'"),
        ("pressure_projection", {"shape": (8,)}, "shape is"),
        ("pressure_projection", {"steps": 2.5}, "steps is 2.5"),
        ("pressure_projection", {"dt": np.inf}, "dt is inf"),
        ("fem", {"kind": "elastic"}, "did you mean 'elasticity'"),
        ("fem", {"refinements": -1}, "refinements is -1"),
        ("gallery", {"name": "airfol"}, "did you mean 'airfoil'"),
        ("gallery", {"name": "helmholtz_2D"}, "complex"),
        ("gallery", {"name": ["bar"]}, "gallery matrix"),
    ],
)
def test_bad_arguments_are_named(name, arguments, message):
    with pytest.raises((InvalidProblem, UnknownName), match=message):
        problems[name](**arguments)
