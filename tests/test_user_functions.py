"""Functions that users give, which may return their own work arrays, change what they get, or return anything else.

Each function is wrapped in several careless ways; the results must be those of the careful one.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from systems import small_instance

import ritz
from ritz.operators import MatrixFree, Tag
from ritz.problem_types.parametric.full_order_model import initial_state


class Reused:
    """Returns one array, or a view of it, which every call fills again."""

    def __init__(self, function, view=False):
        self.function, self.work, self.view = function, {}, view

    def __call__(self, *arguments):
        values = np.asarray(self.function(*arguments))
        work = self.work.setdefault((values.shape, values.dtype), np.empty_like(values))
        work[...] = values
        return work[...] if self.view else work


class Alternating(Reused):
    """Returns two work arrays in turn."""

    def __call__(self, *arguments):
        self.work, self.other = getattr(self, "other", {}), self.work
        return super().__call__(*arguments)


class Spoiling:
    """Overwrites its arguments, as an in-place implementation does."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        values = np.array(self.function(*arguments))
        for argument in arguments:
            if isinstance(argument, np.ndarray) and argument.flags.writeable:
                argument *= 0.5
                argument += 1.0
        return values


def read_only(function):
    def returned(*arguments):
        values = np.array(function(*arguments))
        values.flags.writeable = False
        return values

    return returned


CARELESS = {
    "its work array": Reused,
    "a view of its work array": lambda function: Reused(function, view=True),
    "two work arrays in turn": Alternating,
    "after changing its arguments": Spoiling,
    "a read-only array": read_only,
    "a list": lambda function: lambda *arguments: np.asarray(function(*arguments)).tolist(),
    "big-endian numbers": lambda function: lambda *arguments: _swapped(np.asarray(function(*arguments))),
    "every second entry of an array": lambda function: (
        lambda *arguments: np.repeat(function(*arguments), 2, axis=-1)[..., ::2]
    ),
}


def _swapped(values):
    return values.astype(values.dtype.newbyteorder(">"))


careless = pytest.mark.parametrize("wrap", CARELESS.values(), ids=CARELESS)
RANGES = {"a": (0.5, 1.0), "b": (-1.0, 1.0)}
x = np.linspace(0.0, 1.0, 30)


def bump(mu):
    return mu[0] * np.exp(-((x - mu[1]) ** 2))


def trajectories(mu):
    return np.array([bump(mu * (1.0 + 0.1 * step)) for step in range(4)])


# Snapshots and reduced models.


@careless
@pytest.mark.parametrize("times", [None, [0.0, 1.0, 2.0, 3.0]])
def test_snapshots(wrap, times):
    solve = bump if times is None else trajectories
    points = np.random.default_rng(0).uniform((0.5, -1.0), 1.0, (12, 2))
    given = points.copy()
    found = ritz.ParametricPDE(wrap(solve), RANGES, times=times).snapshots(points)
    np.testing.assert_array_equal(points, given)
    np.testing.assert_array_equal(found.states, ritz.ParametricPDE(solve, RANGES, times=times).snapshots(points).states)
    assert found.states.dtype.isnative


@careless
def test_models_of_functions(wrap):
    problem = ritz.ParametricPDE(wrap(bump), RANGES)
    model = ritz.solvers.reduced_basis.GlobalPOD(size=8, samples=60).prepare(problem)
    for mu in problem.sample(5, design="random", seed=4):
        solution = model.solve(mu)
        assert solution.error(bump(mu)) <= max(solution.stats["estimated_error"], 1e-12)


@careless
@pytest.mark.parametrize("name", ["moving-reaction", "two-materials", "burgers"])
def test_models_of_equations(wrap, name):
    problem = small_instance(name)
    affine = replace(problem.affine, coefficients=wrap(problem.affine.coefficients))
    if affine.loads is not None:
        affine = replace(affine, loads=wrap(affine.loads))
    term = problem.term
    derivative = None if term.derivative is None else wrap(term.derivative)
    others = {"term": replace(term, function=wrap(term.function), derivative=derivative)}
    if problem.initial is not None:
        others["initial"] = wrap(problem.initial)
    tried = replace(problem, affine=affine, **others)
    points = problem.sample(15)
    expected = problem.snapshots(points)
    np.testing.assert_allclose(tried.snapshots(points).states, expected.states, rtol=1e-9, atol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        models = [
            ritz.solvers.reduced_basis.GlobalPOD(size=4, tolerance=np.inf).fit(each, expected)
            for each in (problem, tried)
        ]
    queries = problem.sample(3, seed=1)
    right, got = ([model.solve(mu) for mu in queries] for model in models)
    for one, other in zip(right, got, strict=True):
        np.testing.assert_allclose(other.x, one.x, rtol=1e-7, atol=1e-10)
        assert other.stats["reduced_error"] == pytest.approx(one.stats["reduced_error"], rel=1e-6)
    if problem.times is None:
        states = [model.solve_many(queries).states for model in models]
        np.testing.assert_allclose(states[1], states[0], rtol=1e-7, atol=1e-10)


def test_equal_snapshots_are_pointed_out():
    points = np.arange(4.0)[:, None]
    with pytest.warns(UserWarning, match="all 4 snapshots are equal") as caught:
        ritz.Snapshots(points, np.ones((4, 3)))
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="all 5 snapshots are equal") as caught:
        ritz.ParametricPDE(lambda mu: np.ones(3), {"a": (0.0, 1.0)}).snapshots(5)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ritz.Snapshots(points, np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [1.0, 2.0]]))
        ritz.Snapshots(np.zeros((3, 1)), np.ones((3, 2)), groups=[0, 0, 0], times=[0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returns None"),
        ([[1.0], [2.0, 3.0]], "no regular array"),
        (np.ones((30, 1)), r"float64 of shape \(30, 1\)"),
        (3.0, r"of shape \(\)"),
        ("text", "<U4"),
        (np.ones(30, dtype=bool), "bool"),
        (np.ma.masked_greater(np.arange(30.0), 3.0), "NaN or infinity"),
        (np.full(30, np.inf), "NaN or infinity"),
    ],
)
def test_snapshots_of_anything_else_are_refused(returned, message):
    problem = ritz.ParametricPDE(lambda mu: returned, RANGES)
    with pytest.raises(ritz.InvalidProblem, match=message) as caught:
        problem.snapshots(3)
    assert "a = " in str(caught.value)


def test_snapshots_that_change_their_shape_are_refused_at_once():
    calls = []

    def solve(mu):
        calls.append(mu)
        return np.ones(3 + (len(calls) > 2))

    with pytest.raises(ritz.InvalidProblem, match=r"shape \(4,\) at a = .* \(3,\) before"):
        ritz.ParametricPDE(solve, RANGES).snapshots(50)
    assert len(calls) == 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int32, np.complex64, np.complex128, np.longdouble])
def test_any_kind_of_numbers(dtype):
    states = ritz.ParametricPDE(lambda mu: (4.0 * bump(mu)).astype(dtype), RANGES).snapshots(6).states
    assert states.dtype == {np.complex64: np.complex64, np.complex128: np.complex128}.get(
        dtype, np.float32 if dtype in (np.float16, np.float32) else np.float64
    )
    np.testing.assert_array_equal(
        states, np.array([4.0 * bump(mu) for mu in _sampled(6)]).astype(dtype).astype(states.dtype)
    )


def _sampled(count):
    return ritz.ParametricPDE(bump, RANGES).sample(count)


@pytest.mark.parametrize("values", [1j, "ab", None, [[1.0], [2.0, 3.0]]])
def test_parameters_that_are_no_real_numbers(values):
    problem = ritz.ParametricPDE(bump, RANGES)
    with pytest.raises(ritz.InvalidProblem, match="real numbers"):
        problem.snapshots(values if isinstance(values, list) else [[0.7, values]])
    with pytest.raises(ritz.InvalidProblem, match="real numbers"):
        problem.at(values if isinstance(values, list) else [0.7, values])


def test_queries_are_copied():
    mu = np.array([0.7, 0.1])
    problem = ritz.ParametricPDE(bump, RANGES, query=mu)
    mu[:] = 0.5
    np.testing.assert_array_equal(problem.query, [0.7, 0.1])
    np.testing.assert_array_equal(initial_state(Reused(lambda mu: mu), mu, 2), [0.5, 0.5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"function": lambda values, data, mu, t: np.ones((len(values), 1))}, r"function of the term .* \(\d+, 1\)"),
        ({"function": lambda values, data, mu, t: None}, "function of the term returns object"),
        ({"derivative": lambda values, data, mu, t: np.ones((1, len(values)))}, "derivative of the term"),
    ],
)
def test_terms_of_another_shape_are_refused(change, message):
    problem = small_instance("moving-reaction")
    with pytest.raises(ritz.InvalidProblem, match=message):
        replace(problem, term=replace(problem.term, **change)).solution()


def test_terms_cannot_change_their_data():
    problem = small_instance("moving-reaction")

    def careless_term(values, data, mu, t):
        data *= 2.0
        return problem.term.function(values, data, mu, t)

    with pytest.raises(ValueError, match="read-only"):
        replace(problem, term=replace(problem.term, function=careless_term)).solution()


# Operators, preconditioners, fields and steps.

N = 60
LAPLACIAN = np.diag(np.full(N, 2.001)) - np.eye(N, k=1) - np.eye(N, k=-1)
RHS = np.sin(np.arange(N) ** 1.5)
DEFINITE = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})


@careless
@pytest.mark.parametrize("solver", ["cg", "fcg", "minres", "gmres", "bicgstab", "lsmr", "lu"])
@pytest.mark.parametrize("columns", [0, 2])
def test_operators(wrap, solver, columns):
    operator = MatrixFree(
        wrap(lambda v: LAPLACIAN @ v), (N, N), transpose=wrap(lambda v: LAPLACIAN.T @ v), tags=DEFINITE
    )
    rhs = np.stack([RHS, RHS[::-1]], axis=1) if columns else RHS
    given = rhs.copy()
    solution = ritz.solve(operator, rhs, solver, rtol=1e-10)
    np.testing.assert_array_equal(rhs, given)
    np.testing.assert_allclose(solution.x, np.linalg.solve(LAPLACIAN, rhs), rtol=1e-6, atol=1e-7)


@careless
@pytest.mark.parametrize("solver", ["cg", "fcg", "minres", "gmres", "bicgstab"])
def test_preconditioners(wrap, solver):
    inverse = np.linalg.inv(LAPLACIAN + 0.01 * np.eye(N))
    tags = {} if solver == "gmres" else {"tags": DEFINITE}
    operator = MatrixFree(lambda v: LAPLACIAN @ v, (N, N), **tags)
    preconditioner = MatrixFree(wrap(lambda v: inverse @ v), (N, N), tags=DEFINITE)
    solution = ritz.solve(operator, RHS, solver, preconditioner=preconditioner, rtol=1e-10)
    np.testing.assert_allclose(solution.x, np.linalg.solve(LAPLACIAN, RHS), rtol=1e-6, atol=1e-7)


@careless
def test_products_stay_what_they_were(wrap):
    operator = MatrixFree(wrap(lambda v: LAPLACIAN @ v), (N, N))
    vectors = np.random.default_rng(0).standard_normal((9, N))
    given = vectors.copy()
    products = [operator @ vector for vector in vectors]
    np.testing.assert_array_equal(vectors, given)
    np.testing.assert_allclose(products, vectors @ LAPLACIAN.T, atol=1e-12)
    total = operator + operator @ operator
    np.testing.assert_allclose(total @ RHS, LAPLACIAN @ RHS + LAPLACIAN @ (LAPLACIAN @ RHS), atol=1e-12)
    np.testing.assert_allclose(operator @ vectors.T, LAPLACIAN @ vectors.T, atol=1e-12)


def test_fresh_products_are_not_copied():
    made = []

    def fresh(v):
        made.append((LAPLACIAN @ v).reshape(6, 10))
        return made.pop().ravel()

    operator = MatrixFree(lambda v: LAPLACIAN @ v, (N, N))
    views = MatrixFree(fresh, (N, N))
    for _ in range(9):
        assert (operator @ RHS).base is None
        assert (views @ RHS).base is not None  # the view itself, whose array nobody else holds


def test_the_argument_may_be_returned():
    identity = MatrixFree(lambda v: v, (N, N), tags=DEFINITE)
    for _ in range(9):
        assert not np.shares_memory(identity @ RHS, RHS)


@pytest.mark.parametrize(
    ("returned", "message"),
    [(None, "NoneType"), (1j * RHS, "complex128"), (RHS[:-1], r"\(59,\)"), (RHS[:, None], r"\(60, 1\)"), ("b", "<U1")],
)
def test_products_of_anything_else_are_refused(returned, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        ritz.solve(MatrixFree(lambda v: returned, (N, N)), RHS, "gmres")


@pytest.mark.parametrize("place", ["operator", "preconditioner", "source", "term", "coefficients"])
def test_errors_pass_through_with_a_note(place):
    def careless_function(*_):
        raise OSError("the licence server is down")

    system = MatrixFree(careless_function if place == "operator" else lambda v: LAPLACIAN @ v, (N, N))
    problem = small_instance("moving-reaction")
    calls = {
        "operator": lambda: ritz.solve(system, RHS, "gmres"),
        "preconditioner": lambda: ritz.solve(system, RHS, "gmres", preconditioner=careless_function),
        "source": lambda: ritz.PDE((0.0, 1.0), {2: -1.0}, careless_function, 0.0),
        "term": lambda: replace(problem, term=replace(problem.term, function=careless_function)).snapshots(2),
        "coefficients": lambda: replace(
            problem, affine=replace(problem.affine, coefficients=careless_function)
        ).snapshots(2),
    }
    with pytest.raises(OSError, match="licence server") as caught:
        calls[place]()
    assert caught.value.__notes__


@careless
@pytest.mark.parametrize("solver", ["finite-difference", "chebyshev"])
def test_fields(wrap, solver):
    fields = {
        "source": lambda x, y: np.sin(np.pi * x) * y + x * 0.1,
        "boundary": lambda x, y: x - y**2,
        "coefficient": lambda x, y: -1.0 - x * y,
    }

    def solved(change):
        f = {name: change(field) for name, field in fields.items()}
        pde = ritz.PDE(
            ((0.0, 1.0), (0.0, 1.0)), {(2, 0): f["coefficient"], (0, 2): f["coefficient"]}, f["source"], f["boundary"]
        )
        return ritz.solve(pde, solver, shape=(12, 12)).x

    np.testing.assert_allclose(solved(wrap), solved(lambda field: field), atol=1e-10)


@careless
@pytest.mark.parametrize("solver", ["finite-difference", "chebyshev"])
def test_reactions(wrap, solver):
    def solved(change):
        reaction = change(lambda u: np.asarray(u) ** 3), change(lambda u: 3.0 * np.asarray(u) ** 2)
        return ritz.solve(ritz.PDE((0.0, 1.0), {2: -1.0}, 20.0, 1.0, reaction=reaction), solver, shape=20).x

    np.testing.assert_allclose(solved(wrap), solved(lambda function: function), atol=1e-9)


@careless
def test_functions_of_eigenvalues(wrap):
    density = ritz.solvers.spectrum.density(np.diag(np.arange(1.0, 400.0)), seed=0)
    careful, again = (density.expectation(np.sqrt).value for _ in range(2))
    tried = [density.expectation(wrap(np.sqrt)).value for _ in range(2)]
    assert careful == again == tried[0] == tried[1]


@careless
def test_sequences(wrap):
    def sequence(change):
        return ritz.SystemSequence(
            MatrixFree(lambda v: LAPLACIAN @ v, (N, N), tags=DEFINITE),
            RHS.copy(),
            change(lambda u: 0.5 * np.asarray(u)),
            change(lambda u, x: 0.3 * np.asarray(u) + x),
            steps=5,
        )

    careful, tried = sequence(lambda function: function), sequence(wrap)
    expected = ritz.solve(careful, "cg", rtol=1e-11)
    for _ in range(2):  # the first solve leaves the initial state as it was
        found = ritz.solve(tried, "cg", rtol=1e-11)
        np.testing.assert_array_equal(tried.state, RHS)
        np.testing.assert_allclose(found.state, expected.state, atol=1e-8)
        for one, other in zip(found.steps, expected.steps, strict=True):
            np.testing.assert_allclose(one.x, other.x, atol=1e-8)
    assert all(row.converged for row in ritz.compare(tried, ["cg", "minres"], repeat=1).measurements)


@pytest.mark.parametrize("wrap", [Reused, Alternating])
def test_row_blocks(wrap):
    A = np.random.default_rng(0).standard_normal((90, 4))
    b = A @ np.arange(4.0) + np.cos(np.arange(90.0))
    block = wrap(lambda number: A[30 * number : 30 * number + 30])
    for solver in ("lstsq", "sketch-precondition", "gram-refine"):
        problem = ritz.LeastSquares(lambda: (block(number) for number in range(3)), b)
        np.testing.assert_allclose(ritz.solve(problem, solver).x, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-7)
