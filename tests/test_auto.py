"""The table: what is chosen for what, and what happens when the choice was wrong."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp

import ritz
from ritz import problems
from ritz.errors import InvalidProblem
from ritz.figures.multigrid.bootstrap_rates import random_graph_laplacian
from ritz.operators import MatrixFree, Sparse, Stencil, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Status
from ritz.solvers.auto.auto import ATTEMPTS, Auto, choose
from ritz.solvers.auto.candidates import TABLE
from ritz.solvers.auto.system_features import SystemFeatures


def name(problem):
    return choose(problem)[0].label


def neighbours(decades):
    operator = random_graph_laplacian(40_000, decades=decades, seed=5)
    rhs = np.random.default_rng(0).standard_normal(40_000)
    return LinearSystem(operator, rhs - rhs.mean())


MIC = "cg + modified-incomplete-cholesky"
CHOICES = [
    (LinearSystem(np.array([[2.0, 1.0], [0.0, 1.0]]), np.ones(2)), "lu"),
    (LinearSystem(np.eye(300), np.ones(300)), "cholesky"),
    (problems.diffusion((16, 16)), "mic-cg"),
    (problems.poisson((200, 200)), "transform"),
    (problems.poisson((32, 32, 32), boundary="neumann"), "transform"),
    (problems.poisson((300, 300), obstacles=4), "multigrid"),
    (problems.poisson((24, 24, 24), obstacles=4), "mic-cg"),
    (problems.diffusion((48, 48, 48), contrast=1e6), "multigrid"),
    (problems.poisson((60, 60), obstacles=4), "mic-cg"),
    (problems.diffusion((50, 50), coefficient="lognormal"), "mic-cg"),
    (problems.diffusion((300, 300)), "multigrid"),
    (problems.diffusion((400, 350), coefficient="lognormal"), "multigrid"),
    (problems.diffusion((20, 20, 20)), "mic-cg"),
    (problems.diffusion((150, 150), coefficient="rotated"), MIC),
    (problems.helmholtz((64, 64), shift=-500.0), "transform"),
    (problems.heat((128, 128), steps=1).first(), "transform"),
    (problems.pressure_projection((96, 96), steps=100).first(), "lu"),
    (neighbours(6.0), "bootstrap-amg"),
    (neighbours(1.0), "amg-cg"),
    (problems.gallery("recirc_flow"), "lu"),
    (problems.advection_diffusion((256, 256), peclet=1e5), "bicgstab + symmetric-gauss-seidel"),
    (problems.advection_diffusion((256, 256), peclet=1.0), "bicgstab + ruge-stuben"),
    (LinearSystem(MatrixFree(lambda x: 2 * x, (9, 9), tags={Tag.SYMMETRIC}), np.ones(9)), "cg"),
    (LinearSystem(MatrixFree(lambda x: 2 * x, (9, 9)), np.ones(9)), "gmres"),
]


@pytest.mark.parametrize(
    ("problem", "expected"), CHOICES, ids=[f"{i}-{choice}" for i, (_, choice) in enumerate(CHOICES)]
)
def test_choice(problem, expected):
    if expected == "lu":
        assert name(problem) in ("lu", "cholesky")  # close calls between factorisations are no fault
    else:
        assert name(problem) == expected


@pytest.mark.parametrize("problem", [problem for problem, _ in CHOICES if problem.size < 5000])
def test_solves_and_says_what_it_chose(problem):
    solution = ritz.solve(problem, rtol=1e-9)
    assert solution.converged
    chosen, reason = solution.stats["chosen"].split(": ")
    assert chosen.split(" + ")[0] in {row.solver for row in TABLE}
    assert reason in {row.reason for row in TABLE}
    assert set(solution.timings) >= {"prepare", "solve"}


def test_many_right_hand_sides_pay_for_a_factorisation():
    one = problems.diffusion((128, 128), coefficient="lognormal")
    many = LinearSystem(one.operator, one.rhs, grid=one.grid, expected_solves=100)
    block = LinearSystem(one.operator, np.tile(one.rhs[:, None], 100), grid=one.grid)
    assert name(many) == name(block)
    assert name(many) in ("lu", "cholesky")
    assert problems.heat((16, 16), steps=7).first().expected_solves == 7


def laplacian(n):
    line = sp.diags_array([-np.ones(n - 1), 2.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    return sp.kronsum(line, line)


def hidden_indefinite(n):
    """Symmetric with a positive diagonal and positive couplings, which nothing but a solve shows to be indefinite."""
    return sp.csr_array(
        20.0 * sp.eye_array(n * n) - 4 * laplacian(n) + sp.eye_array(n * n, k=3) + sp.eye_array(n * n, k=-3)
    )


def test_falls_back_on_what_the_failure_allows():
    matrix = hidden_indefinite(30)
    b = np.random.default_rng(0).standard_normal(900)
    solution = ritz.solve(matrix, b)
    assert solution.converged
    assert any("INDEFINITE" in failure for failure in solution.stats["failed"])
    assert solution.stats["chosen"].split(":")[0] in ("lu", "minres", "gmres")
    np.testing.assert_allclose(matrix @ solution.x, b, atol=1e-6)


def test_a_fallback_is_kept_for_the_next_right_hand_side():
    matrix = hidden_indefinite(30)
    prepared = Auto().prepare(LinearSystem(matrix, np.ones(900)))
    first = prepared.solve()
    second = prepared.solve(2 * np.ones(900))
    assert second.stats["chosen"] == first.stats["chosen"]
    assert second.stats["failed"] == first.stats["failed"]


def patchwork(n, ratio):
    """Conducts along one axis in one half and along the other in the other half, which point smoothing cannot meet."""
    conductivity = np.ones((2, n, n))
    conductivity[0, :, : n // 2] = conductivity[1, :, n // 2 :] = ratio
    couplings, walls = [], np.zeros((n, n))
    for axis, along in enumerate(conductivity):
        faces = np.minimum(along, np.roll(along, -1, axis))
        np.moveaxis(faces, axis, 0)[-1] = 0.0
        couplings.append(faces)
        np.moveaxis(walls, axis, 0)[[0, -1]] += 2.0 * np.moveaxis(along, axis, 0)[[0, -1]]
    return Stencil.from_couplings(couplings, walls)


def test_multigrid_that_is_slow_gives_way():
    """Its first iterations are its test; what they reached is not lost, and the outcome is remembered."""
    rhs = np.random.default_rng(0).standard_normal(320 * 320)
    prepared = Auto().prepare(LinearSystem(patchwork(320, 1e-3), rhs))
    seen = []
    first = prepared.solve(callback=lambda iteration, x, residual: seen.append((iteration, residual)))
    assert first.converged
    assert first.stats["failed"] == ("multigrid: too slow",)
    restart = [number for number, (iteration, _) in enumerate(seen) if iteration == 0][-1]
    assert restart == 5
    assert seen[restart][1] < 1.0
    again = prepared.solve(2.0 * rhs)
    assert again.converged
    assert again.stats["chosen"] == first.stats["chosen"]


def test_on_an_eigenvalue_of_the_box_the_least_squares_solution_is_the_last_word():
    n = 24
    eigenvalue = 2 * (2.0 * np.sin(0.5 * np.pi / n)) ** 2
    operator = Stencil((n, n), shift=-eigenvalue)
    solution = ritz.solve(LinearSystem(operator, np.random.default_rng(0).standard_normal(n * n)), throw=False)
    assert solution.status is Status.LEAST_SQUARES
    assert solution.stats["chosen"].startswith("transform")
    exact = np.linalg.pinv(operator.to_dense(), rcond=1e-12) @ np.random.default_rng(0).standard_normal(n * n)
    np.testing.assert_allclose(solution.x, exact, atol=1e-8 * np.abs(exact).max())


def test_multigrid_that_is_fast_is_tried_no_longer():
    problem = problems.poisson((320, 320), obstacles=3)
    prepared = Auto().prepare(problem)
    for _ in range(2):
        solution = prepared.solve()
        assert solution.stats["chosen"].startswith("multigrid")
        assert "failed" not in solution.stats


def test_best_is_returned_when_nothing_helps():
    singular = LinearSystem(
        Sparse(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])), np.array([1.0, 2.0, 3.0])
    )
    solution = ritz.solve(singular, throw=False)
    assert not solution.converged
    assert solution.residual <= 1.0
    assert 1 <= len(solution.stats["failed"]) < ATTEMPTS


def test_a_limit_is_final_and_stopping_is_respected():
    problem = problems.poisson((150, 150), obstacles=3)
    limited = ritz.solve(problem, maxiter=1, throw=False)
    assert (limited.status, limited.iterations) == (Status.MAX_ITERATIONS, 1)
    stopped = ritz.solve(problem, callback=lambda *_: True, throw=False)
    assert stopped.status is Status.INTERRUPTED
    assert "failed" not in stopped.stats


def test_other_kinds_of_problems():
    [only] = choose(problems.pde([(0, 2), (0, 1)], "poisson", source=1.0))
    assert (only.label, only.reason) == ("finite-difference", "takes a PDE")

    @dataclass
    class Riddle:
        question: str = "?"

    with pytest.raises(InvalidProblem, match="no registered solver takes a Riddle"):
        choose(Riddle())


def test_couplings_are_wide_apart_within_rows_not_between_them():
    path = sp.diags_array([np.ones(99)] * 2, offsets=[-1, 1], shape=(100, 100), format="csr")
    scale = sp.diags_array(np.logspace(0, 8, 100))
    similar, wide = sp.csr_array(scale @ path @ scale), path.copy()
    wide.data *= np.resize([1.0, 1e-4], wide.nnz)
    for couplings, expected in ((path, False), (similar, False), (wide, True)):
        matrix = sp.csr_array(sp.diags_array(couplings.sum(axis=1)) - couplings)
        assert SystemFeatures(LinearSystem(Sparse(matrix), np.ones(100))).wide is expected


def test_definiteness_is_seen_or_tried():
    identity = sp.eye_array(400)
    seen = {
        shift: SystemFeatures(LinearSystem(laplacian(20) + shift * identity, np.ones(400))).definite
        for shift in (1.0, -1.0)
    }
    assert seen == {1.0: True, -1.0: False}
    assert SystemFeatures(LinearSystem(hidden_indefinite(20), np.ones(400))).definite
    assert not SystemFeatures(LinearSystem(np.diag([1.0, -1.0]), np.ones(2))).definite
