"""PDE objects: what they refuse, the systems they become, and the solvers that take them."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz import PDE, InvalidProblem, Status, UnknownName
from ritz.operators import Sparse, Tag
from ritz.problem_types.pde.discretisation import SCHEMES, Discretisation, difference_weights
from ritz.problems.pdes.manufactured import NAMES, Wave, from_exact
from ritz.solvers.direct.kronecker_sum import KroneckerSumSolver

SQUARE = [(0.0, 1.0), (0.0, 1.0)]
LAPLACE = {(2, 0): -1.0, (0, 2): -1.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domain": [(1.0, 0.0), (0.0, 1.0)]}, "domain along x"),
        ({"domain": [(0.0, np.inf), (0.0, 1.0)]}, "domain along x"),
        ({"domain": "box"}, "domain is 'box'"),
        ({"domain": [(0, 1)] * 4}, "one to three axes"),
        ({"terms": {}}, "terms must be"),
        ({"terms": {(2,): -1.0}}, "tuple of 2 orders"),
        ({"terms": {(2, -1): -1.0}}, "tuple of 2 orders"),
        ({"terms": {(0, 0): 1.0}}, "no derivative"),
        ({"terms": {(2, 0): np.nan, (0, 2): -1.0}}, r"coefficient of the term \(2, 0\) is nan"),
        ({"terms": {(2, 0): "a", (0, 2): -1.0}}, r"coefficient of the term \(2, 0\) is 'a'"),
        ({"terms": {(2, 0): lambda x: x, (0, 2): -1.0}}, "called with 2 arrays"),
        ({"source": lambda x, y: 1 / (x - x)}, "source is NaN or infinite"),
        ({"source": lambda x, y: x[:2]}, "source returns shape"),
        ({"source": lambda x, y: x + 1j}, "real numbers"),
        ({"source": None}, "source is None"),
        ({"boundary": lambda x, y: np.log(-1 - x)}, "boundary on side x- is NaN"),
        ({"conditions": "robin"}, "'robin'"),
        ({"conditions": lambda x, y: x}, "values go into boundary"),
        ({"conditions": {"x-": "periodic"}}, "both sides"),
        ({"normal_derivative": 1.0}, "no side is Neumann"),
        ({"conditions": {"x+": "neumann"}, "normal_derivative": {"y+": 1.0}}, r"names \['y\+'\]"),
        ({"conditions": "neumann", "normal_derivative": {"x-": "steep"}}, "normal_derivative on x- is 'steep'"),
        ({"reaction": lambda u: u**3}, "pair of functions"),
        ({"exact": 3.0}, "exact is 3.0"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_field_is_named(changes: dict[str, Any], said: str):
    fields: dict[str, Any] = {"domain": SQUARE, "terms": LAPLACE, "source": 1.0} | changes
    with pytest.raises(InvalidProblem, match=said):
        PDE(**fields)


@pytest.mark.parametrize(
    ("shape", "scheme", "said"),
    [
        (3, "fourth-order", "needs at least 4"),
        ((8, 0), "second-order", "unknowns along each of 2 axes"),
        ((8, 8, 8), "second-order", "unknowns along each of 2 axes"),
        (8.5, "chebyshev", "unknowns along each of 2 axes"),
    ],
)
def test_a_wrong_shape_is_refused(shape: Any, scheme: str, said: str):
    with pytest.raises(InvalidProblem, match=said):
        PDE(SQUARE, LAPLACE).discretize(shape, scheme)


def test_an_unknown_scheme_names_a_close_one():
    with pytest.raises(UnknownName, match="'second-order'"):
        PDE(SQUARE, LAPLACE).discretize(8, "second")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reaction": (lambda u: u**3, lambda u: 3 * u**2)}, "nonlinear"),
        ({"initial": 0.0}, "depends on time"),
        ({"terms": {(4, 0): 1.0, (0, 4): 1.0}}, "order 4"),
        ({"conditions": "neumann", "source": 1.0}, "inconsistent"),
        ({"terms": {(2, 0): lambda x, y: -1 - x * y, (0, 2): -1.0}, "conditions": "neumann"}, "up to a constant"),
    ],
)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_has_no_linear_system_is_refused(changes: dict[str, Any], said: str, scheme: str):
    problem = PDE(**{"domain": SQUARE, "terms": LAPLACE, **changes})
    with pytest.raises(InvalidProblem, match=said):
        problem.discretize(8, scheme)


def test_a_nonlinear_pde_keeps_its_reaction_and_is_discretised_without_it():
    problem = PDE(SQUARE, LAPLACE, reaction=(np.exp, np.exp), initial=0.0)
    assert replace(problem, reaction=None, initial=None).discretize(4).size == 16


@given(order=st.integers(0, 4), offsets=st.sets(st.integers(-4, 4), min_size=5, max_size=7), slope=st.booleans())
@settings(deadline=None, max_examples=40)
def test_difference_weights_are_exact_for_polynomials(order: int, offsets: set[int], slope: bool):
    nodes = tuple(sorted(offsets))
    weights = np.array(difference_weights(nodes, order, nodes[0] if slope else None))
    degree = len(weights) - 1
    coefficients = np.random.default_rng(0).integers(-3, 4, degree + 1)
    polynomial = np.polynomial.Polynomial(coefficients)
    data = [polynomial(node) for node in nodes] + ([polynomial.deriv()(nodes[0])] if slope else [])
    expected = polynomial.deriv(order)(0.0) if order else polynomial(0.0)
    assert weights @ data == pytest.approx(expected, abs=1e-9 * (1 + np.abs(weights) @ np.abs(data)))


@st.composite
def polynomial_problems(draw: st.DrawFn) -> tuple[PDE, str]:
    """Return a PDE that a scheme solves exactly, for a random box, equation and boundary conditions."""
    dimension = draw(st.integers(1, 2))
    number = st.floats(-2, 2).map(lambda value: round(value, 2))
    domain = [(low := draw(number), low + draw(st.floats(0.5, 2).map(lambda v: round(v, 2)))) for _ in range(dimension)]
    pairs = [draw(st.sampled_from([("dirichlet", "dirichlet"), ("dirichlet", "neumann"), ("neumann", "dirichlet")]))]
    pairs += [(draw(st.sampled_from(["dirichlet", "neumann"])),) * 2 for _ in range(dimension - 1)]
    if dimension == 1:
        terms: dict[Any, Any] = {2: -1.0, 1: draw(number), 0: lambda x: 1 + x**2}
        exact, first, second = (lambda x: x**2 - x, lambda x: 2 * x - 1, lambda x: 2 + 0 * x)
        slopes: dict[str, Any] = {"x-": lambda x: -first(x), "x+": first}
        advection = terms[1]

        def source(x: np.ndarray) -> np.ndarray:
            return -second(x) + advection * first(x) + (1 + x**2) * exact(x)
    else:
        mixed = 0.5 * draw(st.integers(-2, 2))
        terms = {(2, 0): -1.0, (1, 1): mixed, (0, 2): lambda x, y: -2 - np.cos(x), (0, 0): 1.0}

        def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return x**2 + 3 * x * y - y**2 + 1

        def source(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return -2 + 3 * mixed + 2 * (2 + np.cos(x)) + exact(x, y)

        slopes = {
            "x-": lambda x, y: -2 * x - 3 * y,
            "x+": lambda x, y: 2 * x + 3 * y,
            "y-": lambda x, y: -3 * x + 2 * y,
            "y+": lambda x, y: 3 * x - 2 * y,
        }
    neumann = {name: slopes[name] for name in slopes if pairs["xy".index(name[0])][name[1] == "+"] == "neumann"}
    problem = PDE(domain, terms, source, exact, tuple(pairs), neumann, exact=exact)
    return problem, draw(st.sampled_from(SCHEMES))


@given(polynomial_problems())
@settings(deadline=None, max_examples=40)
def test_quadratic_solutions_are_exact_in_every_scheme(case: tuple[PDE, str]):
    problem, scheme = case
    discretisation = Discretisation(problem, tuple(range(8, 8 + problem.dimension)), scheme)
    system = discretisation.system
    x = np.linalg.solve(system.operator.to_dense(), system.rhs)
    np.testing.assert_allclose(x, system.exact, atol=1e-8 * (1 + np.abs(system.exact).max()))  # pyright: ignore
    corners = np.array(np.meshgrid(*problem.domain, indexing="ij")).reshape(problem.dimension, -1).T
    assert problem.exact is not None
    np.testing.assert_allclose(discretisation.interpolant(x)(corners), problem.exact(*corners.T), atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_tags_are_true(name: str):
    system = ritz.problems.manufactured(name).discretize({1: 12, 2: 8, 3: 5}[int(name[-2])])
    assert isinstance(system.operator, Sparse)
    matrix, tags = system.operator.to_dense(), system.operator.tags
    symmetric = np.abs(matrix - matrix.T).max() == 0.0
    assert (Tag.SYMMETRIC in tags) == symmetric
    if symmetric:
        smallest = np.linalg.eigvalsh(matrix)[0] / np.abs(matrix).max()
        assert (Tag.POSITIVE_DEFINITE in tags) == (smallest > 1e-10 and "anisotropic" not in name)
        assert Tag.SEMIDEFINITE not in tags or abs(smallest) < 1e-12
    if name in ("poisson-1d", "poisson-2d", "poisson-3d", "helmholtz-2d", "mixed-2d", "mixed-3d"):
        assert Tag.POSITIVE_DEFINITE in tags
    if name in ("neumann-1d", "neumann-2d"):
        assert Tag.SEMIDEFINITE in tags


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", NAMES)
def test_the_operator_is_the_same_in_every_form(name: str, scheme: str):
    discretisation = Discretisation(ritz.problems.manufactured(name), {1: 9, 2: 7, 3: 6}[int(name[-2])], scheme)
    operator, matrix = discretisation.operator, discretisation.dense_matrix()
    x = np.random.default_rng(0).standard_normal(operator.shape[1])
    scale = np.abs(matrix).sum(axis=1).max()
    np.testing.assert_allclose(operator @ x, matrix @ x, atol=1e-12 * scale)
    np.testing.assert_allclose(operator.rmatvec(x), matrix.T @ x, atol=1e-12 * scale)


@pytest.mark.parametrize("name", ["neumann-1d", "neumann-2d", "periodic-2d"])
@pytest.mark.parametrize("scheme", SCHEMES[:2])
def test_singular_systems_are_consistent_and_of_mean_zero(name: str, scheme: str):
    system = ritz.problems.manufactured(name).discretize(24, scheme)
    assert system.operator.nullspace is not None
    assert abs(system.rhs.sum()) <= 1e-10 * np.abs(system.rhs).sum()
    assert np.abs(system.operator @ np.ones(system.size)).max() <= 1e-10 * np.abs(system.operator.diagonal()).max()
    solution = ritz.solve(system, "lu")
    assert abs(solution.x.mean()) < 1e-12
    assert solution.error(system.exact) < 0.01


@pytest.mark.parametrize("solver", ["cg", "minres"])
def test_symmetric_systems_suit_krylov_methods(solver: str):
    system = ritz.problems.manufactured("mixed-2d").discretize(31)
    assert ritz.solve(system, solver).error(system.exact) < 1e-3


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("singular", [False, True])
def test_kronecker_sum_agrees_with_a_dense_solve(dimension: int, singular: bool):
    generator = np.random.default_rng(dimension)
    factors = [generator.standard_normal((n, n)) for n in (6, 5, 4)[:dimension]]
    if singular:
        factors = [factor - np.diag(factor.sum(axis=1)) for factor in factors]
    matrix = np.zeros((1, 1))
    for factor in factors:
        matrix = np.kron(matrix, np.eye(len(factor))) + np.kron(np.eye(len(matrix)), factor)
    rhs = matrix @ generator.standard_normal((len(matrix), 2))
    x = KroneckerSumSolver(factors, singular)(rhs)
    np.testing.assert_allclose(matrix @ x, rhs, atol=1e-9 * np.abs(rhs).max())


def test_strong_advection_keeps_the_accuracy_of_the_schur_form():
    """The eigenvectors of this operator are too close to parallel to be of use."""
    steep = from_exact(Wave((1.5, 2.0), (0.2, 0.7)), SQUARE, {**LAPLACE, (1, 0): 200.0, (0, 1): -100.0})
    assert ritz.solve(steep, "chebyshev", shape=40).error(steep.exact) < 1e-11


def test_chebyshev_on_a_plain_boundary_layer():
    layer = PDE((0.0, 1.0), {2: -0.02, 1: 1.0}, source=1.0)
    solution = ritz.solve(layer, "chebyshev", shape=60)
    x = np.linspace(0, 1, 50)
    exact = x - np.expm1(x / 0.02) / np.expm1(1 / 0.02)
    np.testing.assert_allclose(solution.interpolate(x), exact, atol=1e-10)


@pytest.mark.parametrize("linear_solver", ["cg", "lu", "auto"])
def test_finite_difference_takes_any_linear_solver(linear_solver: str):
    problem = ritz.problems.manufactured("poisson-2d")
    solution = ritz.solve(problem, "finite-difference", shape=31, linear_solver=linear_solver)
    assert repr(solution).startswith("Solution(finite-difference: CONVERGED")
    assert solution.stats["linear solver"] == linear_solver
    assert solution.grid is not None
    assert solution.grid.shape == (31, 31)
    assert solution.error(problem.exact) < 1e-3


def test_solving_again_with_another_right_hand_side():
    problem = ritz.problems.manufactured("poisson-2d")
    prepared = ritz.solvers.collocation.chebyshev.Chebyshev(shape=12).prepare(problem)
    first = prepared.solve()
    doubled = prepared.solve(2 * problem.discretize(12, "chebyshev").rhs)
    np.testing.assert_allclose(doubled.x, 2 * first.x, rtol=1e-10)


def test_an_eigenvalue_of_the_operator_ends_as_singular():
    resonant = PDE((0.0, np.pi), {2: -1.0, 0: -4.0}, source=lambda x: np.cos(x))
    discrete = Discretisation(replace(resonant, terms={2: -1.0}), 24, "chebyshev")
    eigenvalue = float(np.sort(np.linalg.eigvals(discrete.dense_matrix()).real)[1])
    assert eigenvalue == pytest.approx(4.0, abs=1e-9)
    resonant = replace(resonant, terms={2: -1.0, 0: -eigenvalue}, source=lambda x: np.sin(2 * x))
    assert ritz.solve(resonant, "chebyshev", shape=24, throw=False).status in (Status.SINGULAR, Status.STAGNATED)


@pytest.mark.parametrize(
    ("solver", "options", "said"),
    [
        ("chebyshev", {"shape": (90, 90)}, "dense"),
        ("finite-difference", {"order": 3}, "order 2 or 4"),
        ("finite-difference", {"linear_solver": "lux"}, "'lu'"),
    ],
)
def test_solver_options_are_checked(solver: str, options: dict[str, Any], said: str):
    with pytest.raises((InvalidProblem, UnknownName), match=said):
        ritz.solve(ritz.problems.manufactured("diffusion-2d"), solver, **options)


def test_solutions_are_interpolated_inside_the_box_only():
    solution = ritz.solve(ritz.problems.manufactured("poisson-2d"), "chebyshev", shape=8)
    with pytest.raises(InvalidProblem, match=r"1 points lie outside y"):
        solution.interpolate([[0.5, 0.5], [0.5, 1.1]])
    with pytest.raises(InvalidProblem, match=r"\(P, 2\)"):
        solution.interpolate([0.5, 0.5])
    assert solution.interpolate(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize("solver", ["chebyshev", "finite-difference"])
@pytest.mark.parametrize("name", ["mixed-2d", "channel-2d", "poisson-3d"])
def test_values_on_a_grid_are_those_at_its_points(name: str, solver: str):
    solution = ritz.solve(ritz.problems.manufactured(name), solver, shape=7)
    axes = [np.linspace(0, 1, count) for count in (4, 5, 6)[: int(name[-2])]]
    points = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = solution.on_grid(*axes)
    np.testing.assert_allclose(values.ravel(), solution.interpolate(points), atol=1e-12)


def test_pde_takes_the_words_of_the_class_and_terms_by_name():
    words = list(inspect.signature(PDE).parameters)
    assert list(inspect.signature(ritz.problems.pde).parameters) == words
    bar = ritz.problems.pde((0.0, 1.0), "poisson", source=2.0)
    assert bar.terms == {(2,): -1.0}
    assert bar.name == "poisson"
    with pytest.raises(UnknownName, match="'poisson'"):
        ritz.problems.pde(SQUARE, "poison", source=2.0)
    with pytest.raises(UnknownName, match="'neumann-1d'"):
        ritz.problems.manufactured("neuman-1d")
