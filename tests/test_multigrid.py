"""Multigrid on grids: algebra, symmetry, iteration counts on what is hard, and what it refuses."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from systems import laplacian

import ritz
from ritz.operators import Stencil, aslinearoperator
from ritz.problems import diffusion, poisson
from ritz.solvers.multigrid import GridMultigrid
from ritz.solvers.multigrid.grid.coarsening import coarsen_axis, weigh_axis
from ritz.solvers.multigrid.grid.grid_stencil import from_matrix, from_stencil
from ritz.solvers.multigrid.grid.off_grid_unknowns import OffGridUnknowns

SIDES = [("dirichlet", "dirichlet"), ("dirichlet", "neumann"), ("neumann", "neumann"), ("periodic", "periodic")]


@st.composite
def stencils(draw, largest=9):
    """Return a stencil of any dimension, with odd sizes, every boundary condition, obstacles and rough coefficients."""
    shape = tuple(draw(st.lists(st.integers(1, largest), min_size=1, max_size=3)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    solid = generator.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.5]))
    coefficient = np.exp(draw(st.sampled_from([0.0, 3.0])) * generator.standard_normal(shape))
    return Stencil(
        shape,
        boundary=tuple(draw(st.sampled_from(SIDES)) for _ in shape),
        coefficient=coefficient,
        solid=None if solid.all() else solid,
        solid_boundary="neumann",
        spacing=tuple(draw(st.sampled_from([0.7, 1.0])) for _ in shape),
        shift=draw(st.sampled_from([0.0, 0.0, 0.1])),
    )


def all_cells(layout):
    return layout.flat(np.indices(layout.cells).reshape(3, -1))


def assemble(stencil, off_grid):
    """Return the sparse matrix over flat places, then the unknowns off the grid."""
    layout, cells = stencil.layout, all_cells(stencil.layout)
    pairs = [(cells, cells, 0.5 * stencil.diagonal[cells]), off_grid.links(layout.size)]
    own = layout.size + np.arange(off_grid.count)
    pairs.append((own, own, 0.5 * off_grid.diagonal))
    for offset, values in stencil.couplings.items():
        pairs.append((cells, layout.flat(layout.coordinates(cells + layout.distance(offset))), values[cells]))
    rows, columns, values = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    half = sp.coo_array((values, (rows, columns)), shape=(layout.size + off_grid.count,) * 2)
    return (half + half.T).tocsr()


def interpolation(coarsening, off_grid):
    fine, coarse, lost = coarsening.fine.size, coarsening.coarse.size, coarsening.lost
    cells, kept = all_cells(coarsening.fine), np.arange(off_grid.count)
    targets, weights = coarsening.targets(cells)
    rows = np.concatenate([cells, cells, fine + kept, lost])
    columns = np.concatenate([*targets, coarse + kept, coarse + kept.size + np.arange(lost.size)])
    values = np.concatenate([*weights, np.ones(kept.size + lost.size)])
    return sp.csr_array((values, (rows, columns)), shape=(fine + kept.size, coarse + kept.size + lost.size))


@settings(max_examples=80, deadline=None)
@given(stencils())
def test_coarse_operators_are_galerkin_products(operator):
    """PᵀAP entry by entry, along every axis in turn, with the unknowns that leave the grid on the way."""
    stencil, off_grid = from_stencil(operator), OffGridUnknowns.none()
    for axis in range(3):
        if stencil.layout.cells[axis] <= 2:
            continue
        cells, _, values = off_grid.outer
        coarsening = weigh_axis(stencil, axis, 0.1, (cells, values))
        matrix, P = assemble(stencil, off_grid), interpolation(coarsening, off_grid)
        off_grid, stencil = off_grid.coarsen(stencil, coarsening), coarsen_axis(stencil, coarsening)
        np.testing.assert_allclose(
            assemble(stencil, off_grid).toarray(), (P.T @ matrix @ P).toarray(), rtol=0, atol=1e-9 * abs(matrix).max()
        )


@settings(max_examples=40, deadline=None)
@given(stencils())
def test_matrix_on_a_grid_is_read_as_the_stencil_is(operator):
    fluid = np.ones(operator.shape[0]) if operator.solid is None else (~operator.solid).ravel().astype(float)
    matrix = sp.csr_array(sp.diags_array(fluid) @ operator.to_sparse() @ sp.diags_array(fluid))
    read = from_matrix(aslinearoperator(matrix), operator.grid_shape, "multigrid")
    cells = all_cells(read.layout)
    whole = assemble(read, OffGridUnknowns.none())[cells][:, cells]
    np.testing.assert_allclose(whole.toarray(), matrix.toarray(), rtol=0, atol=1e-12 * abs(matrix).max())


@settings(max_examples=40, deadline=None)
@given(stencils(largest=17))
def test_solves_whatever_the_sides_sizes_and_obstacles(operator):
    """The true residual meets the tolerance in few iterations; closed regions get the solution without a mean."""
    exact = np.random.default_rng(0).standard_normal(operator.shape[0])
    if operator.solid is not None:
        exact[operator.solid.ravel()] = 0.0
    if operator.nullspace is not None:
        exact = operator.nullspace.project(exact)
    solution = ritz.solve(ritz.LinearSystem(operator, operator @ exact), "multigrid", rtol=1e-9)
    assert solution.iterations <= 25
    np.testing.assert_allclose(solution.x, exact, atol=1e-5 * (1 + abs(exact).max()))


@settings(max_examples=25, deadline=None)
@given(stencils(largest=14))
def test_cycle_is_symmetric_and_positive_definite(operator):
    inverse = GridMultigrid(precision="double").build(operator)
    n = operator.shape[0]
    M = inverse @ np.eye(n)
    size = abs(M).max()
    assert abs(M - M.T).max() <= 1e-9 * size
    fluid = ~np.isclose(M.diagonal(), 0.0, atol=1e-14 * size)
    basis = np.eye(n)[:, fluid]
    if operator.nullspace is not None:  # zero along constants of closed regions, or nearly so
        basis = operator.nullspace.project(basis)
    values = np.linalg.eigvalsh(basis.T @ M @ basis)
    assert values.min(initial=0.0) >= -1e-9 * size


@pytest.mark.parametrize(
    ("system", "most"),
    [
        (lambda n: poisson((n, n)), 9),
        (lambda n: poisson((n, n + 13), boundary="neumann"), 9),
        (lambda n: poisson((n, 2 * n), boundary="periodic"), 9),
        (lambda n: poisson((n, n), obstacles=9, boundary="mixed", seed=n), 9),
        (lambda n: poisson((n, n), obstacles=9, solid_boundary="dirichlet", seed=n), 9),
        (lambda n: poisson((n // 4, n // 4 + 1, n // 4 + 5), obstacles=6), 10),
        (lambda n: diffusion((n, n), coefficient="lognormal", contrast=1e6), 12),
        (lambda n: diffusion((n, n), coefficient="inclusions", contrast=1e6), 14),
        (lambda n: diffusion((n // 4, n // 4, n // 4), coefficient="inclusions", contrast=1e6), 14),
    ],
)
def test_iterations_hardly_depend_on_the_grid(system, most):
    counts = [ritz.solve(system(n), "multigrid").iterations for n in (60, 121, 256)]
    assert max(counts) <= most, counts


@pytest.mark.parametrize("thickness", [1, 2])
def test_thin_walls(thickness):
    """Forty plates one or two cells thin: no more iterations than classical algebraic multigrid takes."""
    n, generator = 256, np.random.default_rng(thickness)
    solid = np.zeros((n, n), dtype=bool)
    for _ in range(40):
        corner, across = generator.integers(0, 3 * n // 4, 2), generator.integers(2)
        extent = [n // 4, n // 4]
        extent[across] = thickness
        solid[corner[0] : corner[0] + extent[0], corner[1] : corner[1] + extent[1]] = True
    operator = Stencil((n, n), solid=solid, solid_boundary="neumann")
    exact = generator.standard_normal(n * n) * ~solid.ravel()
    if operator.nullspace is not None:
        exact = operator.nullspace.project(exact)
    system = ritz.LinearSystem(operator, operator @ exact)
    ours = ritz.solve(system, "multigrid")
    assert ours.iterations <= 13
    assert ours.iterations <= ritz.solve(system, "pyamg-rs").iterations + 1
    assert ours.stats["off_grid"] > 0


@pytest.mark.parametrize("anisotropy", [1e-2, 1e-4])
def test_semi_coarsening_meets_anisotropy_along_an_axis(anisotropy):
    operator = Stencil((96, 80), coefficient=(1.0, anisotropy))
    system = ritz.LinearSystem(operator, np.random.default_rng(0).standard_normal(96 * 80))
    solution = ritz.solve(system, "multigrid")
    assert solution.iterations <= 12
    first, second = solution.stats["grids"][:2]
    assert second[2] == first[2]  # the weak axis is left as it is


def test_rotated_anisotropy():
    """Neither line relaxation nor semi-coarsening is meant for it; two visits to coarse grids keep it in bounds."""
    system = diffusion((256, 256), coefficient="rotated")
    solution = ritz.solve(system, "multigrid")
    assert solution.stats["cycle"] == "W"
    assert solution.iterations <= 32


@pytest.mark.parametrize("contrast", [1e8, 1e12])
def test_double_precision_is_chosen_where_single_would_lose_entries(contrast):
    solution = ritz.solve(diffusion((64, 64), contrast=contrast), "multigrid", rtol=1e-6, throw=False)
    assert solution.stats["precision"] == "float64"
    assert solution.converged
    assert solution.iterations <= 20


def test_full_multigrid_reaches_the_error_of_discretisation_at_once():
    """Two iterations leave the error of the converged solution, the first ten times that."""
    system = poisson((128, 128))
    x, y = np.meshgrid(*[(np.arange(128) + 0.5) / 128] * 2, indexing="ij")
    exact = (np.sin(np.pi * x) * np.sin(2 * np.pi * y)).ravel()
    system = system.with_rhs(5 * np.pi**2 * exact)
    converged = np.linalg.norm(ritz.solve(system, "multigrid", rtol=1e-10).x - exact)
    first, second = (ritz.solve(system, "multigrid", maxiter=k, throw=False) for k in (1, 2))
    assert np.linalg.norm(first.x - exact) <= 10.0 * converged
    assert np.linalg.norm(second.x - exact) <= 1.1 * converged
    cold = ritz.solve(system, "multigrid", maxiter=1, throw=False, full_multigrid=False)
    assert np.linalg.norm(cold.x - exact) > 4.0 * np.linalg.norm(first.x - exact)


def test_repeated_cycles_converge_without_acceleration():
    system = poisson((100, 90), obstacles=3)
    solution = ritz.solve(system, "multigrid", acceleration="none")
    factors = solution.history[2:] / solution.history[1:-1]
    assert factors.max() < 0.4


@pytest.mark.parametrize("options", [{"cycle": "V"}, {"cycle": "W"}, {"smoothing": 1}, {"smoothing": 3}])
def test_options_change_the_work_and_not_the_answer(options):
    system = diffusion((90, 70), contrast=1e4)
    solution = ritz.solve(system, "multigrid", rtol=1e-10, **options)
    reference = ritz.solve(system, "lu").x
    np.testing.assert_allclose(solution.x, reference, atol=1e-7 * abs(reference).max())
    if "cycle" in options:
        assert solution.stats["cycle"] == options["cycle"]


def test_as_preconditioner_of_other_methods():
    system = poisson((65, 40), obstacles=3)
    for solver in ("cg", "fcg", "minres", "gmres", "bicgstab"):
        assert ritz.solve(system, solver, preconditioner="multigrid").iterations <= 14
    rotated = diffusion((64, 64), coefficient="rotated")
    assert ritz.solve(rotated, "cg", preconditioner=GridMultigrid(shape=(64, 64))).iterations <= 30


def test_threads_do_not_change_the_answer():
    import numba

    system = poisson((600, 500), obstacles=5)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = ritz.solve(system, "multigrid")
        numba.set_num_threads(min(2, before))
        two = ritz.solve(system, "multigrid")
    finally:
        numba.set_num_threads(before)
    assert one.iterations == two.iterations
    np.testing.assert_allclose(one.x, two.x, rtol=1e-6, atol=1e-9 * abs(one.x).max())


def test_isolated_cells_and_pockets():
    """Walls around single cells and closed rooms: each is solved in its own right."""
    solid = np.zeros((40, 33), dtype=bool)
    solid[[9, 11], 10] = solid[10, [9, 11]] = True  # around one cell
    solid[20, 5:20] = solid[30, 5:20] = True
    solid[20:31, 5] = solid[20:31, 19] = True  # a room
    operator = Stencil((40, 33), solid=solid, boundary="neumann", solid_boundary="neumann")
    assert operator.nullspace.count == 3
    exact = operator.nullspace.project(np.random.default_rng(0).standard_normal(40 * 33) * ~solid.ravel())
    solution = ritz.solve(ritz.LinearSystem(operator, operator @ exact), "multigrid", rtol=1e-10)
    np.testing.assert_allclose(solution.x, exact, atol=1e-6)
    assert solution.iterations <= 12


def test_indefinite_operators_end_in_a_status():
    system = ritz.LinearSystem(Stencil((40, 40), shift=-0.5), np.ones(1600))
    solution = ritz.solve(system, "multigrid", throw=False)
    assert solution.status is ritz.Status.INDEFINITE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ritz.solve(np.diag([1.0, 2.0]), np.ones(2), "multigrid"), r"Dense has none.*shape=.*'amg-cg'"),
        (lambda: ritz.solve(poisson((8, 8)), "multigrid", smoothing=0), "smoothing is 0.*from 1 to 20"),
        (
            lambda: GridMultigrid(shape=(4, 4)).build(aslinearoperator(sp.csr_array(np.diag(np.ones(9))))),
            r"shape \(4, 4\), the operator \(9, 9\)",
        ),
        (
            lambda: GridMultigrid(shape=(16,)).build(aslinearoperator(sp.csr_array(laplacian(16) @ laplacian(16)))),
            "row 0 couples cells that do not touch; use 'amg-cg'",
        ),
        (
            lambda: GridMultigrid().build(Stencil((4, 4), shift=-100.0)),
            "needs a positive diagonal.*'minres'",
        ),
    ],
)
def test_what_it_refuses(call, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        call()


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [("cycle", "K", "V, W, auto"), ("precision", "half", "single"), ("acceleration", "gmres", "cg, none")],
)
def test_unknown_choices_are_refused(option, value, known):
    with pytest.raises(ritz.errors.UnknownName, match=f"unknown {option} '{value}'.*{known}"):
        ritz.solve(poisson((8, 8)), "multigrid", **{option: value})
