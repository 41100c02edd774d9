"""Separable systems: every side, centering, size and route against sparse LU, and what is refused."""

from itertools import product

import numpy as np
import pytest
import scipy.fft
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_sylvester
from scipy.sparse.linalg import splu

import ritz
from ritz.errors import InvalidProblem
from ritz.operators import Diagonal, KroneckerSum, Stencil
from ritz.solution import Status
from ritz.solvers.direct.transform_lines import separate
from ritz.solvers.direct.transform_route import cheapest_route, route_cost
from ritz.solvers.direct.transform_tables import _convolution, _pass_cost, eigenvalues, fast_kind, tables

SIDES = [("periodic", "periodic"), *product(("dirichlet", "neumann"), repeat=2)]
FAST = {
    "DST-I": (lambda x: scipy.fft.dst(x, 1, axis=1)[:, :] / 2, "dirichlet", "vertex"),
    "DCT-II": (lambda x: scipy.fft.dct(x, 2, axis=1) / 2, "neumann", "cell"),
    "DST-II": (lambda x: scipy.fft.dst(x, 2, axis=1)[:, ::-1] / 2, "dirichlet", "cell"),
}


def consistent(operator, rng, columns=()):
    """Return a right-hand side, without a part in the nullspace."""
    rhs = rng.standard_normal((operator.shape[0], *columns))
    return rhs if operator.nullspace is None else rhs - rhs.mean(axis=0)


def by_lu(operator, rhs):
    """Return the solution by sparse LU, of mean zero where the constant is in the nullspace."""
    matrix = operator.to_sparse().tocsc()
    if operator.nullspace is None:
        return splu(matrix).solve(rhs)
    x = np.zeros_like(rhs)
    if len(rhs) > 1:
        x[1:] = splu(matrix[1:, 1:].tocsc()).solve(rhs[1:])
    return x - x.mean(axis=0)


@st.composite
def stencils(draw):
    dimension = draw(st.integers(1, 3))
    most = {1: 80, 2: 24, 3: 9}[dimension]
    shape = tuple(draw(st.integers(1, most)) for _ in range(dimension))
    return Stencil(
        shape,
        spacing=[draw(st.floats(0.2, 3.0)) for _ in shape],
        coefficient=[draw(st.floats(0.1, 5.0)) for _ in shape] if dimension > 1 else draw(st.floats(0.1, 5.0)),
        boundary=tuple(draw(st.sampled_from(SIDES)) for _ in shape),
        shift=draw(st.sampled_from([0.0, 0.0, 1e-3, 7.0])),
        centering=draw(st.sampled_from(["cell", "vertex"])),
    )


@settings(max_examples=150, deadline=None)
@given(operator=stencils(), seed=st.integers(0, 2**31))
def test_agrees_with_lu(operator, seed):
    rhs = consistent(operator, np.random.default_rng(seed))
    expected = by_lu(operator, rhs)
    size = np.abs(expected).max() + 1e-300
    for solver in ("transform", "tridiagonal-transform"):
        solution = ritz.solve(operator, rhs, solver, rtol=1e-11)
        assert solution.iterations <= 2
        np.testing.assert_allclose(solution.x / size, expected / size, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(operator=stencils(), depth=st.floats(0.05, 0.9), seed=st.integers(0, 2**31))
def test_indefinite(operator, depth, seed):
    """Helmholtz operators anywhere between two eigenvalues."""
    values = np.linalg.eigvalsh(operator.to_dense())
    middle = int(depth * (len(values) - 1))
    gaps = np.diff(values[middle:])
    if not gaps.size or gaps.max() < 1e-6 * values[-1]:
        return
    at = middle + int(gaps.argmax())
    shift = operator.shift - 0.5 * (values[at] + values[at + 1])
    shifted = Stencil(
        operator.grid_shape,
        spacing=operator.spacing,
        boundary=operator.boundary,
        centering=operator.centering,
        shift=shift,
    )
    matrix = shifted.to_dense()
    if np.linalg.cond(matrix) > 1e8:  # another coefficient may have moved an eigenvalue here
        return
    rhs = np.random.default_rng(seed).standard_normal(len(values))
    solution = ritz.solve(shifted, rhs, "transform", rtol=1e-10)
    np.testing.assert_allclose(matrix @ solution.x, rhs, atol=1e-8 * np.linalg.norm(rhs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("centering", ["cell", "vertex"])
@pytest.mark.parametrize("sides", SIDES, ids="-".join)
def test_every_transform_at_every_kind_of_length(sides, centering, dtype):
    """Powers of two, products of odd primes, primes, and lengths of convolutions, in blocks that fill no tile."""
    kind = fast_kind(sides, centering)
    if kind is None:
        assert set(sides) == {"dirichlet", "neumann"}
        return
    from ritz.solvers.direct.kernels.transforms import divide, transform

    rng, tolerance = np.random.default_rng(0), {"float32": 3e-5, "float64": 1e-12}[dtype]
    for n, (before, after) in product((1, 2, 3, 4, 16, 30, 45, 67, 77, 211), ((1, 1), (3, 37), (40, 1), (2, 16))):
        matrix = Stencil(n, boundary=(sides,), centering=centering).to_dense()
        table, values = tables(kind, n, dtype), eigenvalues(kind, n)
        field = rng.standard_normal((before, n, after)).astype(dtype)
        there, product_there = field.copy(), np.einsum("ij,bja->bia", matrix, field).astype(dtype)
        transform(there.reshape(-1), n, before * after, after, table, False)
        transform(product_there.reshape(-1), n, before * after, after, table, False)
        size = np.abs(there).max()
        np.testing.assert_allclose(product_there / size, values[:, None] * there / size, atol=4 * tolerance)
        solved = field.copy()
        shifts = np.ones(before * after + 8192, dtype)
        divide(solved.reshape(-1), n, before * after, after, table, values.astype(dtype), shifts, 1.0)
        transform(there.reshape(-1), n, before * after, after, table, True)
        factor = np.vdot(there, field) / np.vdot(field, field)
        np.testing.assert_allclose(there / factor, field, atol=20 * tolerance)
        recovered = np.einsum("ij,bja->bia", matrix + np.eye(n), solved) / factor
        np.testing.assert_allclose(recovered, field, atol=100 * tolerance)


@pytest.mark.parametrize("kind", FAST)
def test_coefficients_are_those_of_scipy(kind):
    from ritz.solvers.direct.kernels.transforms import transform

    reference, side, centering = FAST[kind]
    assert fast_kind((side, side), centering) == kind
    for n in (5, 64, 67, 97, 360):
        field = np.random.default_rng(n).standard_normal((20, n))
        expected = reference(field)
        transform(field.reshape(-1), n, 20, 1, tables(kind, n, "float64"), False)
        np.testing.assert_allclose(field, expected, atol=1e-12 * n)


def test_lengths_with_large_primes_are_convolved():
    assert [n for n in (64, 105, 31, 1021, 2 * 997) if _pass_cost(n) > _convolution(n)[1]] == [1021, 1994]
    for n in (1021, 1994):
        operator = Stencil((n, 20), spacing=(1 / n, 0.05))
        rhs = np.random.default_rng(1).standard_normal(operator.shape[0])
        solution = ritz.solve(operator, rhs, "transform", route=("fast", "fast"), rtol=1e-9)
        np.testing.assert_allclose(solution.x, by_lu(operator, rhs), atol=1e-8 * np.abs(solution.x).max())


ROUTES = [route for route in product(("fast", "dense", "tridiagonal"), repeat=3) if route.count("tridiagonal") <= 1]


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic", "mixed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_routes_agree(boundary, dtype):
    operator = Stencil((11, 12, 14), spacing=(0.1, 0.2, 0.3), boundary=boundary, dtype=dtype)
    rhs = consistent(operator, np.random.default_rng(2)).astype(dtype)
    expected = by_lu(operator.astype("float64"), rhs.astype("float64"))
    for route in ROUTES:
        solution = ritz.solve(operator, rhs, "transform", route=route, rtol=1e-5 if dtype == "float32" else 1e-11)
        assert solution.stats["route"] == route
        np.testing.assert_allclose(solution.x, expected, atol=(1e-4 if dtype == "float32" else 1e-10))


def test_the_cheapest_route_is_taken():
    operator = Stencil((599, 600), centering="vertex")  # 600 has small factors, 601 is prime
    rhs = np.ones(operator.shape[0])
    assert ritz.solve(operator, rhs, "transform").stats["route"] == ("fast", "tridiagonal")
    assert ritz.solve(operator, rhs, "tridiagonal-transform", axis=0).stats["route"] == ("tridiagonal", "fast")
    lines, _ = separate(operator)
    costs = {route: route_cost(lines, route) for route in product(("fast", "dense", "tridiagonal"), repeat=2)}
    del costs["tridiagonal", "tridiagonal"]
    assert cheapest_route(lines, True, ("any", "any")) == min(costs, key=costs.get)
    assert "tridiagonal" not in cheapest_route(lines, False, ("any", "any"))


@pytest.mark.parametrize("torch_rhs", [False, True])
def test_blocks(torch_rhs):
    operator = Stencil((13, 8), boundary="neumann")
    block = consistent(operator, np.random.default_rng(3), (4,))
    given_rhs = torch.tensor(block) if torch_rhs else block
    solution = ritz.solve(operator, given_rhs, "transform", rtol=1e-11)
    assert type(solution.x) is type(given_rhs)
    np.testing.assert_allclose(np.asarray(solution.x), by_lu(operator, block), atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 25), columns=st.integers(1, 25), symmetric=st.booleans(), seed=st.integers(0, 2**31))
def test_sylvester(rows, columns, symmetric, seed):
    rng = np.random.default_rng(seed)
    left, right = (rng.standard_normal((n, n)) for n in (rows, columns))
    left, right = (a @ a.T + np.eye(len(a)) if symmetric else a + 3 * len(a) * np.eye(len(a)) for a in (left, right))
    rhs = rng.standard_normal((rows, columns))
    operator = KroneckerSum(left, right.T)
    solution = ritz.solve(operator, rhs.ravel(), "transform", rtol=1e-10)
    np.testing.assert_allclose(solution.x.reshape(rows, columns), solve_sylvester(left, right, rhs), atol=1e-9)
    assert ("Schur" in solution.stats["route"]) == (not symmetric and (rows > 1 or columns > 1))


def test_kronecker_sums_of_all_kinds_of_factors():
    """A stencil of two axes, a tridiagonal matrix, a full one and a number."""
    rng = np.random.default_rng(4)
    full = rng.standard_normal((6, 6))
    bands = sp.diags_array([-np.ones(8), 2.0 + rng.random(9), -np.ones(8)], offsets=[-1, 0, 1])
    operator = KroneckerSum(Stencil((5, 7), shift=0.5), bands, full @ full.T, Diagonal(np.array([0.25])))
    rhs = rng.standard_normal(operator.shape[0])
    for route in (None, ("fast", "fast", "tridiagonal", "dense"), ("fast", "dense", "dense", "dense")):
        solution = ritz.solve(operator, rhs, "transform", route=route, rtol=1e-11)
        np.testing.assert_allclose(solution.x, by_lu(operator, rhs), atol=1e-10)


@pytest.mark.parametrize("solver", ["transform", "tridiagonal-transform"])
def test_floating_factors(solver):
    """A sum of singular factors has the products of their null vectors."""
    ring = Stencil(9, boundary="periodic")
    graph = sp.csr_array(sp.block_diag([Stencil(3, boundary="neumann").to_sparse()] * 2))
    for operator in (KroneckerSum(ring, Stencil(4, boundary="neumann")), KroneckerSum(ring, graph)):
        rhs = operator @ np.random.default_rng(5).standard_normal(operator.shape[0])
        if operator.nullspace.count == 2 and solver == "tridiagonal-transform":
            with pytest.raises(InvalidProblem, match="finds no route"):
                ritz.solve(operator, rhs, solver)
            continue
        solution = ritz.solve(operator, rhs, solver, rtol=1e-11)
        assert np.abs(operator.nullspace.sums(solution.x)).max() < 1e-10
        np.testing.assert_allclose(operator @ solution.x, rhs, atol=1e-9)


def test_resonance():
    values = np.linalg.eigvalsh(Stencil((6, 5)).to_dense())
    resonant = Stencil((6, 5), shift=-float(values[7]))
    inverse = np.linalg.pinv(resonant.to_dense(), rcond=1e-12)
    solution = ritz.solve(resonant, np.ones(30), "transform")  # orthogonal to the null vectors
    np.testing.assert_allclose(solution.x, inverse @ np.ones(30), atol=1e-12)
    solution = ritz.solve(resonant, np.arange(30.0) ** 2, "transform", throw=False)
    assert solution.status is Status.LEAST_SQUARES
    np.testing.assert_allclose(solution.x, inverse @ np.arange(30.0) ** 2, rtol=1e-9, atol=1e-9)
    with pytest.raises(ritz.ConvergenceError, match="SINGULAR"):
        ritz.solve(resonant, np.ones(30), "transform", route=("fast", "any"))


@pytest.mark.parametrize(
    ("operator", "options", "message"),
    [
        (Stencil((4, 4), coefficient=np.ones((4, 4)) + np.eye(4)), {}, "'multigrid', 'amg-cg' or 'cg'"),
        (Stencil((4, 4), solid=np.eye(4, dtype=bool)), {}, "no obstacles"),
        (np.eye(16), {}, "constant coefficients"),
        (Stencil((4, 4)), {"route": ("fast",)}, "each of 2 axes"),
        (Stencil((4, 4)), {"route": ("fast", "faster")}, "fast, dense, tridiagonal or any"),
        (Stencil((4, 4)), {"route": ("tridiagonal", "tridiagonal")}, "at most once"),
        (
            Stencil((4, 4), boundary={"x+": "neumann"}, centering="vertex"),
            {"route": ("fast", "any")},
            "Dirichlet wall on a vertex",
        ),
        (KroneckerSum(np.triu(np.ones((4, 4))), np.eye(4)), {"route": ("dense", "dense")}, "not symmetric"),
        (KroneckerSum(sp.csr_array(sp.eye_array(5000)), np.eye(2)), {}, "5000 rows"),
    ],
)
def test_refusals(operator, options, message):
    n = operator.shape[0]
    with pytest.raises(InvalidProblem, match=message):
        ritz.solve(operator, np.ones(n), "transform", **options)


def test_elimination_refuses():
    for solver, options in (("tridiagonal-transform", {}), ("transform", {"route": ("any", "tridiagonal")})):
        solution = ritz.solve(Stencil((4, 4), shift=-2.0), np.ones(16), solver, throw=False, **options)
        assert solution.status is Status.INDEFINITE
    with pytest.raises(InvalidProblem, match="2 axes"):
        ritz.solve(Stencil((4, 1, 4)), np.ones(16), "tridiagonal-transform", axis=2)
    with pytest.raises(InvalidProblem, match="symmetric"):
        ritz.solve(KroneckerSum(np.triu(np.ones((4, 4))), np.eye(4)), np.ones(16), "tridiagonal-transform")


def test_refinement_reaches_what_rounding_allows():
    """Long lines in float32 need more than one solve."""
    operator = Stencil((400, 300), dtype="float32", spacing=0.01)
    rhs = np.random.default_rng(6).standard_normal(operator.shape[0]).astype("float32")
    once = ritz.solve(operator, rhs, "transform", rtol=1e-6, maxiter=1, throw=False)
    refined = ritz.solve(operator, rhs, "transform", rtol=1e-6, throw=False)
    assert refined.residual <= once.residual < 1e-3


def test_interruption_and_limits():
    operator, rhs = Stencil((6, 5)), np.ones(30)
    assert ritz.solve(operator, rhs, "transform", maxiter=0, throw=False).status is Status.MAX_ITERATIONS
    prepared = ritz.solvers.direct.Transform().prepare(ritz.LinearSystem(operator, rhs))

    def interrupt(_):
        raise KeyboardInterrupt

    object.__setattr__(prepared, "apply", interrupt)
    solution = prepared.solve()
    assert solution.status is Status.INTERRUPTED
    assert solution.residual == 1.0
