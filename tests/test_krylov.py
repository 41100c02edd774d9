"""Krylov methods against SciPy's, against theory, and under scaling, permutation and blocks."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from systems import NAMES, facts, graph_laplacian, is_symmetric, laplacian, system

import ritz
from ritz.operators import MatrixFree, Tag

KRYLOV = ["cg", "fcg", "minres", "gmres", "bicgstab", "lsmr"]
SYMMETRIC = ["cg", "fcg", "minres"]


def right_hand_side(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


def definite(n, condition, seed=0):
    """Return a dense symmetric matrix with eigenvalues spread evenly on a logarithmic scale."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    matrix = basis @ np.diag(np.logspace(0, np.log10(condition), n)) @ basis.T
    return 0.5 * (matrix + matrix.T)


def wind(rows, columns, strength):
    """Return a convection-diffusion matrix."""
    n = rows * columns
    return laplacian(rows, columns) + strength * sp.diags_array([-np.ones(n - 1), np.ones(n)], offsets=[-1, 0])


def scipy_count(routine, A, b, **options):
    count = 0

    def tick(_):
        nonlocal count
        count += 1

    _, info = routine(A, b, callback=tick, **options)
    return count if info == 0 else None


def symmetric_names():
    return [name for name in NAMES if isinstance(system(name), ritz.LinearSystem) and is_symmetric(name)]


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
@pytest.mark.parametrize("name", symmetric_names())
def test_cg_takes_as_many_iterations_as_scipy(name, rtol):
    problem = system(name)
    if np.linalg.eigvalsh(facts(name).matrix)[0] < -1e-10 * abs(facts(name).matrix).max():
        pytest.skip("not definite")
    for diagonal in (None, problem.operator.diagonal()):
        if diagonal is not None and not (diagonal > 0).all():
            continue
        inverse = None if diagonal is None else sp.diags_array(1.0 / diagonal)
        theirs = scipy_count(sla.cg, problem.operator.to_scipy(), problem.rhs, rtol=rtol, M=inverse, maxiter=20_000)
        ours = ritz.solve(problem, "cg", preconditioner="jacobi" if inverse is not None else None, rtol=rtol)
        known = int(np.argmax(ours.history <= rtol))  # by the recurrence, which is what SciPy goes by
        assert theirs is not None
        assert abs(known - theirs) <= 1
        assert ours.iterations - known <= 0.1 * known + 1  # what the true residual costs beyond it


@pytest.mark.parametrize("preconditioned", [False, True], ids=["plain", "jacobi"])
def test_minres_residuals_are_those_of_scipy(preconditioned):
    """Residual norms by step: SciPy's iterates give them."""
    A = sp.csr_array(laplacian(9, 8) - 0.9 * sp.eye_array(72) + sp.diags_array(np.linspace(0, 4, 72)))
    b = right_hand_side(72)
    M = sp.diags_array(1.0 / np.abs(A.diagonal()))
    theirs = [1.0]
    sla.minres(
        A,
        b,
        rtol=1e-12,
        M=M if preconditioned else None,
        callback=lambda x: theirs.append(np.linalg.norm(b - A @ x) / np.linalg.norm(b)),
    )
    ours = ritz.solve(A, b, "minres", preconditioner=M if preconditioned else None, rtol=1e-9).history
    np.testing.assert_allclose(ours, theirs[: len(ours)], rtol=1e-5)


@pytest.mark.parametrize("preconditioned", [False, True], ids=["plain", "ilu"])
def test_gmres_residuals_are_those_of_scipy(preconditioned):
    """SciPy preconditions from the left, so its GMRES is given the operator preconditioned from the right."""
    A, b = sp.csc_array(wind(9, 8, 0.7)), right_hand_side(72)
    factor = sla.spilu(A, drop_tol=0.1)
    M = sla.LinearOperator(A.shape, factor.solve) if preconditioned else sla.aslinearoperator(sp.eye_array(72))
    theirs = []
    sla.gmres(sla.aslinearoperator(A) @ M, b, rtol=1e-10, restart=20, callback=theirs.append, callback_type="pr_norm")
    ours = ritz.solve(A, b, "gmres", restart=20, preconditioner=factor.solve if preconditioned else None, rtol=1e-10)
    assert abs(ours.iterations - len(theirs)) <= 1
    count = min(ours.iterations, len(theirs))
    np.testing.assert_allclose(ours.history[1 : count + 1], theirs[:count], rtol=1e-5)


def test_bicgstab_residuals_are_those_of_scipy():
    A, b = sp.csr_array(wind(9, 8, 0.7)), right_hand_side(72)
    theirs = [1.0]
    sla.bicgstab(A, b, rtol=1e-9, callback=lambda x: theirs.append(np.linalg.norm(b - A @ x) / np.linalg.norm(b)))
    ours = ritz.solve(A, b, "bicgstab", rtol=1e-9)
    count = min(ours.iterations, len(theirs)) - 2
    np.testing.assert_allclose(ours.history[:count], theirs[:count], rtol=1e-4)


def test_lsmr_residuals_are_those_of_scipy():
    A, b = sp.csr_array(wind(9, 8, 0.7)), right_hand_side(72)
    ours = ritz.solve(A, b, "lsmr", rtol=1e-9)
    for k in (1, 2, 7, 20, 41):
        normr = sla.lsmr(A, b, atol=0, btol=0, conlim=0, maxiter=k)[3]
        assert ours.history[k] == pytest.approx(normr / np.linalg.norm(b), rel=1e-8)


@pytest.mark.parametrize("name", ["cg", "minres"])
def test_flexible_cg_and_cg_agree(name):
    """With a fixed preconditioner FCG is CG; and MINRES has the smaller residual at each step."""
    A, b = laplacian(9, 8), right_hand_side(72)
    flexible, other = ritz.solve(A, b, "fcg"), ritz.solve(A, b, name)
    count = min(len(flexible.history), len(other.history)) - 6
    if name == "cg":
        np.testing.assert_allclose(flexible.history[:count], other.history[:count], rtol=1e-5)
    else:
        assert (other.history[:count] <= flexible.history[:count] * (1 + 1e-9)).all()


def test_cg_residuals_follow_from_those_of_minres():
    """With residuals r of CG and s of MINRES, ``1/s_k^2`` is the sum of ``1/r_j^2`` over j up to k."""
    A, b = laplacian(9, 8), right_hand_side(72)
    minres, cg = ritz.solve(A, b, "minres").history, ritz.solve(A, b, "cg").history
    count = min(len(minres), len(cg)) - 4
    np.testing.assert_allclose(minres[:count] ** -2, np.cumsum(cg[:count] ** -2), rtol=1e-4)


def test_gmres_without_restart_is_minres_on_a_symmetric_matrix():
    A, b = laplacian(9, 8) - 0.8 * sp.eye_array(72), right_hand_side(72)
    gmres, minres = ritz.solve(A, b, "gmres", restart=72).history, ritz.solve(A, b, "minres").history
    np.testing.assert_allclose(gmres[:25], minres[:25], rtol=1e-6)


def test_lsmr_on_a_symmetric_matrix_never_lets_the_gradient_grow():
    A, b = wind(9, 8, 0.7), right_hand_side(72)
    gradients = []
    ritz.solve(A, b, "lsmr", callback=lambda i, x, r: gradients.append(np.linalg.norm(A.T @ (b - A @ x))))
    assert (np.diff(gradients) <= 1e-12 * gradients[0]).all()


def test_fcg_converges_where_cg_stalls_with_a_nonlinear_preconditioner():
    A, b = laplacian(20, 20), right_hand_side(400)

    def inner(r):
        return sla.cg(A, r, rtol=0.1)[0]

    flexible = ritz.solve(A, b, "fcg", preconditioner=inner)
    assert flexible.iterations < 15
    longer = ritz.solve(A, b, "fcg", preconditioner=inner, memory=4)
    assert longer.iterations <= flexible.iterations
    assert ritz.solve(A, b, "cg", preconditioner=inner, throw=False).iterations > flexible.iterations


@pytest.mark.parametrize("name", KRYLOV)
@pytest.mark.parametrize("distinct", [1, 2, 5])
def test_as_many_steps_as_distinct_eigenvalues(name, distinct):
    basis, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((20, 20)))
    matrix = basis @ np.diag(1.0 + np.arange(20) % distinct) @ basis.T
    solution = ritz.solve(0.5 * (matrix + matrix.T), right_hand_side(20), name)
    assert solution.iterations == distinct


@pytest.mark.parametrize("name", KRYLOV)
@pytest.mark.parametrize("preconditioner", [None, "jacobi"])
@pytest.mark.parametrize("components", [(12,), (7, 1, 9)])
def test_singular_consistent(name, preconditioner, components):
    """The answer is orthogonal to the constant of each component, and tolerances near rounding are reached."""
    A = graph_laplacian(*components)
    n = A.shape[0]
    b = A @ right_hand_side(n)
    solution = ritz.solve(A, b, name, preconditioner=preconditioner, rtol=1e-11, x0=np.ones(n))
    np.testing.assert_allclose(solution.x, np.linalg.pinv(A.toarray()) @ b, rtol=1e-8, atol=1e-9)


def test_rhs_with_a_negligible_part_in_the_nullspace():
    """What is inconsistent by less than the tolerance is no obstacle to meeting it."""
    A = graph_laplacian(15)
    b = A @ right_hand_side(15)
    b += 0.45e-6 * np.linalg.norm(b) / np.sqrt(15)
    for name in KRYLOV:
        solution = ritz.solve(A, b, name, rtol=1e-6)
        assert solution.residual == pytest.approx(np.linalg.norm(b - A @ solution.x) / np.linalg.norm(b), rel=1e-9)


@pytest.mark.parametrize("name", KRYLOV)
def test_forms_of_input(name):
    """Lists, integers, other memory layouts, read-only arrays, one column, and mixed NumPy and torch."""
    n = 12
    A = laplacian(n)
    b = np.arange(1, n + 1)
    expected = np.linalg.solve(A.toarray(), b)

    def check(solution, kind=np.ndarray):
        assert isinstance(solution.x, kind)
        values = np.asarray(solution.x)
        np.testing.assert_allclose(values.reshape(n, -1)[:, 0], expected, rtol=1e-5)

    check(ritz.solve(A, b, name))
    check(ritz.solve(A, b.tolist(), name))
    check(ritz.solve(A.toarray().tolist(), b.tolist(), name))
    check(ritz.solve(torch.tensor(A.toarray()), b, name))
    check(ritz.solve(torch.tensor(A.toarray()).to_sparse(), torch.tensor(b), name), torch.Tensor)
    check(ritz.solve(sp.coo_matrix(A), np.repeat(b, 3)[::3], name))
    check(ritz.solve(A, np.stack([b, 0 * b, -b], axis=1)[:, ::-1][:, ::2][:, ::-1], name))
    check(ritz.solve(A, np.asfortranarray(np.stack([b, b + 1], axis=1).astype(float)), name))
    column = ritz.solve(A, b[:, None], name)
    assert column.x.shape == (n, 1)
    check(column)
    frozen = b.astype(float)
    frozen.flags.writeable = False
    check(ritz.solve(A, frozen, name, x0=frozen))
    check(ritz.solve(A, b, name, x0=torch.ones(n)))
    check(ritz.solve(A, torch.tensor(b), name, x0=frozen[::-1]), torch.Tensor)
    check(ritz.solve(A, b, name, preconditioner=sla.aslinearoperator(sp.eye_array(n))))
    single = ritz.solve(A.astype("f4"), torch.tensor(b, dtype=torch.float32), name, rtol=1e-5)
    assert single.x.dtype == torch.float32


@pytest.mark.parametrize("name", KRYLOV)
def test_identity_that_returns_its_argument(name):
    """Operators may give back the very array they were given; methods must not overwrite what they still need."""
    identity = MatrixFree(lambda x: x, (9, 9), transpose=lambda x: x, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    b = right_hand_side(9)
    solution = ritz.solve(identity, b, name, preconditioner=identity)
    np.testing.assert_allclose(solution.x, b, rtol=1e-10)
    A = laplacian(9)
    np.testing.assert_allclose(
        ritz.solve(A, b, name, preconditioner=identity, rtol=1e-10).x, np.linalg.solve(A.toarray(), b), rtol=1e-7
    )


@pytest.mark.parametrize("backend", [np.asarray, torch.tensor], ids=["numpy", "torch"])
@pytest.mark.parametrize("preconditioner", [None, "jacobi"])
@pytest.mark.parametrize("name", KRYLOV)
def test_a_block_is_its_columns(name, preconditioner, backend):
    """Each column gets the iterates it would have had alone, and stops when it would have stopped."""
    A = sp.csr_array(laplacian(8, 7) + sp.diags_array(np.linspace(0, 3, 56)))
    eigenvector = np.linalg.eigh(A.toarray())[1][:, 3]
    block = np.stack([right_hand_side(56), np.zeros(56), 1e-9 * eigenvector, 1e9 * right_hand_side(56, 1)], axis=1)
    together = ritz.solve(A, backend(block), name, preconditioner=preconditioner)
    alone = [ritz.solve(A, backend(column), name, preconditioner=preconditioner) for column in block.T]
    assert together.iterations == max(solution.iterations for solution in alone)
    x = np.asarray(together.x)
    assert not x[:, 1].any()
    for j, solution in enumerate(alone):
        column = np.asarray(solution.x)
        np.testing.assert_allclose(x[:, j], column, rtol=1e-6, atol=1e-7 * abs(column).max())
    histories = np.zeros((4, together.iterations + 1))
    for j, solution in enumerate(alone):
        histories[j, : len(solution.history)] = solution.history
    expected = histories.max(axis=0)
    np.testing.assert_allclose(together.history[expected > 1e-8], expected[expected > 1e-8], rtol=1e-5)


def test_a_block_with_one_column_that_cannot_be_solved():
    """The others are solved all the same."""
    shift = sp.block_diag([np.roll(np.eye(6), 1, axis=0), np.diag(np.arange(1.0, 5.0))]).toarray()
    block = np.zeros((10, 2))
    block[0, 0] = 1.0
    block[6:, 1] = 1.0
    solution = ritz.solve(shift, block, "gmres", restart=5, throw=False)
    assert solution.status is ritz.Status.STAGNATED
    np.testing.assert_allclose(shift @ solution.x[:, 1], block[:, 1], atol=1e-7)


# Well-conditioned matrices: near termination in n steps, rounding alone decides on an iteration more or less.
@settings(deadline=None, max_examples=25)
@given(
    name=st.sampled_from(KRYLOV),
    operator_scale=st.sampled_from([1e-12, 1e-3, 1.0, 1e5, 1e12]),
    rhs_scale=st.sampled_from([1e-100, 1e-20, 1.0, -3.0, 1e30, 1e100]),
    n=st.integers(1, 25),
    seed=st.integers(0, 100),
)
def test_scaling(name, operator_scale, rhs_scale, n, seed):
    """``(a A) x = c b`` takes the same iterations, and ``x`` scales by ``c / a``."""
    A, b = definite(n, 4.0, seed), right_hand_side(n, seed)
    plain = ritz.solve(A, b, name)
    scaled = ritz.solve(operator_scale * A, rhs_scale * b, name)
    assert abs(plain.iterations - scaled.iterations) <= 1
    expected = plain.x * (rhs_scale / operator_scale)
    np.testing.assert_allclose(scaled.x, expected, rtol=1e-5, atol=1e-6 * abs(expected).max())


@settings(deadline=None, max_examples=25)
@given(name=st.sampled_from(KRYLOV), n=st.integers(2, 25), seed=st.integers(0, 100))
def test_permutation(name, n, seed):
    """Numbering the unknowns in another order changes nothing but their order."""
    A, b = definite(n, 4.0, seed), right_hand_side(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    plain = ritz.solve(A, b, name)
    permuted = ritz.solve(A[np.ix_(order, order)], b[order], name)
    assert abs(plain.iterations - permuted.iterations) <= 1
    np.testing.assert_allclose(permuted.x, plain.x[order], rtol=1e-5, atol=1e-6 * abs(plain.x).max())


@settings(deadline=None, max_examples=20)
@given(name=st.sampled_from(KRYLOV), seed=st.integers(0, 1000), columns=st.integers(1, 4))
def test_random_blocks_are_solved(name, seed, columns):
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 20))
    A = definite(n, 10.0 ** generator.uniform(0, 2), seed)
    block = generator.standard_normal((n, columns)) * 10.0 ** generator.uniform(-8, 8, columns)
    solution = ritz.solve(A, block, name)
    relative = np.linalg.norm(block - A @ solution.x, axis=0) / np.linalg.norm(block, axis=0)
    assert relative.max() <= 1e-8 * (1 + 1e-6)
    assert solution.residual == pytest.approx(relative.max(), rel=1e-4)
