"""Discretisation errors: what solvers of PDEs say of them, and that nothing unresolved passes in silence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import ritz
from ritz import PDE, Status
from ritz.registry import solvers

from .resolution_cases import Case, bump, cases, sine

SOLVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "second order": ("finite-difference", {}),
    "fourth order": ("finite-difference", {"order": 4}),
    "collocation": ("chebyshev", {}),
}
LINES = [case for case in cases() if case.pde.dimension == 1]
BOXES = [case for case in cases() if case.pde.dimension > 1 and "coupled" not in case.name]
ROUNDING = 1e-10


def tone(w: float) -> PDE:
    return PDE((0.0, 1.0), {2: 1.0}, lambda x: -(w**2) * np.sin(w * x), exact := lambda x: np.sin(w * x), exact=exact)


def solved(pde: PDE, solver: str, **options: Any) -> tuple[Any, bool]:
    """Return a solution, and whether it came with a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution: Any = ritz.solve(pde, solver, throw=False, **options)
    return solution, any(issubclass(warning.category, UserWarning) for warning in caught)


def judge(part: list[Case], solver: str) -> tuple[list[str], list[str], list[str]]:
    """Return the cases that are wrong in silence, warned of without need, and with a misleading estimate."""
    name, options = SOLVERS[solver]
    silent: list[str] = []
    needless: list[str] = []
    misleading: list[str] = []
    for case in part:
        rtol = 1e-11 if case.pde.reaction is not None and name == "chebyshev" else 1e-8  # of the nonlinear equation
        solution, warned = solved(case.pde, name, **options, rtol=rtol)
        true, told = solution.error(case.exact), solution.stats["discretisation_error"]
        if true > 0.02 and not warned:
            silent.append(case.name)
        if true < 0.005 and warned:
            needless.append(case.name)
        ratio = max(told, ROUNDING) / max(true, ROUNDING)
        if not 0.1 <= ratio <= 10.0 and not (true > 1.0 and told > 0.1):
            misleading.append(case.name)
    return silent, needless, misleading


@pytest.mark.parametrize("set_aside", [False, True], ids=["tuned", "set aside"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_errors_on_a_line_are_told(solver: str, set_aside: bool):
    part = [case for case in LINES if case.set_aside is set_aside]
    silent, needless, misleading = judge(part, solver)
    assert (silent, needless) == ([], [])
    assert len(misleading) <= len(part) // 8, misleading


@pytest.mark.parametrize("set_aside", [False, True], ids=["tuned", "set aside"])
@pytest.mark.parametrize("solver", ["second order", "collocation"])
def test_errors_in_boxes_are_told(solver: str, set_aside: bool):
    part = [case for case in BOXES if case.set_aside is set_aside]
    silent, needless, misleading = judge(part, solver)
    assert (silent, needless) == ([], [])
    assert len(misleading) <= len(part) // 8, misleading


@pytest.mark.parametrize("cells", [64, 65, 256])
@pytest.mark.parametrize("multiple", [1, 2, 3])
def test_perfect_aliases_are_seen(cells: int, multiple: int):
    """Tones that vanish at all nodes of the grid, or equal low ones there and half-way between them."""
    for shift in (0.0, 3.0):
        pde = tone(2 * np.pi * cells * multiple + shift)
        for name, options in SOLVERS.values():
            solution, warned = solved(pde, name, **options, shape=cells - 1)
            assert warned
            assert solution.stats["discretisation_error"] > 0.1


def test_aliases_in_boundary_values_are_seen():
    w = 2 * np.pi * 32
    pde = PDE([(0, 1), (0, 1)], {(2, 0): 1.0, (0, 2): 1.0}, 0.0, lambda x, y: np.sin(w * x) + np.sin(3 * y))
    for name in ("finite-difference", "chebyshev"):
        assert solved(pde, name, shape=31)[1]


def test_the_warning_says_how_many_unknowns_would_do():
    pde = tone(200.0)
    with pytest.warns(UserWarning, match=r"About \d+ unknowns") as caught:
        coarse: Any = ritz.solve(pde, "finite-difference")
    assert caught[0].filename == __file__
    fine: Any = ritz.solve(pde, "finite-difference", shape=coarse.stats["needed"])
    assert fine.error(pde.exact) < 0.015


@pytest.mark.parametrize("w", [700.0, 1000.0, 2 * np.pi * 256])
def test_auto_goes_on_to_what_resolves(w: float):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution: Any = ritz.solve(tone(w))
    assert solution.error(tone(w).exact) < 0.01
    assert solution.stats["failed"]


def test_auto_warns_where_nothing_resolves():
    w = 3000.0  # values that jump in a corner are no case for the Gaussian process
    pde = PDE(
        [(0, 1), (0, 1)],
        {(2, 0): 1.0, (0, 2): 1.0},
        lambda x, y: np.sin(w * x) * w,
        lambda x, y: np.where(y > 0, x, 1.0),
    )
    with pytest.warns(UserWarning, match="not resolve") as caught:
        solution: Any = ritz.solve(pde, throw=False)
    assert {warning.filename for warning in caught} == {__file__}
    assert solution.stats["discretisation_error"] > 0.1


def test_a_given_right_hand_side_is_judged_at_its_nodes():
    pde = tone(40.0)
    for name, options in SOLVERS.values():
        prepared = solvers[name](**options, shape=127).prepare(pde)
        own: Any = prepared.solve()
        given: Any = prepared.solve(np.array(own.discretisation.system.rhs))
        assert given.stats["discretisation_error"] == pytest.approx(own.stats["discretisation_error"], rel=0.5)


def test_tiny_grids_and_zero_solutions():
    zero = PDE((0.0, 1.0), {2: -1.0})
    for name, options in SOLVERS.values():
        solution, warned = solved(zero, name, **options)
        assert (solution.stats["discretisation_error"], warned) == (0.0, False)
    for shape in (3, 4, 5):
        solution, _ = solved(PDE((0.0, 1.0), {2: -1.0}, 2.0), "finite-difference", shape=shape)
        assert solution.stats["discretisation_error"] < 1e-9


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_does_not_matter(scale: float):
    pde = PDE((0.0, 1.0), {2: -1.0}, lambda x: scale * np.sin(9 * x))
    plain = PDE((0.0, 1.0), {2: -1.0}, lambda x: np.sin(9 * x))
    for name, options in SOLVERS.values():
        found, expected = (solved(part, name, **options)[0].stats["discretisation_error"] for part in (pde, plain))
        assert found == pytest.approx(expected, rel=0.1, abs=1e-14)


# The Gaussian process


@pytest.mark.parametrize("w", np.exp(np.random.default_rng(6000).uniform(np.log(300), np.log(6000), 12)).round(1))
def test_tones_are_right_or_warned_of(w: float):
    solution, warned = solved(tone(w), "gp")
    assert solution.error(tone(w).exact) < 1e-6 or (warned and solution.status is not Status.CONVERGED)


@pytest.mark.parametrize("count", [65, 100, 129])
@pytest.mark.parametrize("method", ["features", "dense"])
def test_aliases_of_a_given_grid_do_not_converge(count: int, method: str):
    for multiple in (1, 2, 3):
        pde = tone(2 * np.pi * (count - 1) * multiple + 5.0)
        solution, warned = solved(pde, "gp", shape=count, method=method)
        assert solution.status is not Status.CONVERGED
        assert warned


def test_a_high_tone_behind_a_low_one_is_found():
    low, high = 11.0, 2500.0
    pde = PDE(
        (0.0, 1.0),
        {2: 1.0},
        lambda x: -(low**2) * np.sin(low * x) - 0.1 * low**2 * np.sin(high * x),
        exact := lambda x: np.sin(low * x) + 0.1 * (low / high) ** 2 * np.sin(high * x),
    )
    assert ritz.solve(pde, "gp").error(exact) < 1e-9


@pytest.mark.parametrize(("factor", "expected"), [(sine(20.0), 1e-9), (bump(0.3), 1e-9)], ids=["sine", "bump"])
def test_the_gaussian_process_tells_its_error(factor: Any, expected: float):
    pde = PDE((0.0, 1.0), {2: 1.0}, factor[2], factor[0])
    solution, warned = solved(pde, "gp")
    assert not warned
    assert solution.stats["discretisation_error"] < expected
    for count in (15, 33):
        few, _ = solved(pde, "gp", shape=count)
        told, true = (max(value, ROUNDING) for value in (few.stats["discretisation_error"], few.error(factor[0])))
        assert 0.1 <= told / true <= 10.0


def test_two_dimensional_grids_are_refined_as_far_as_documented():
    pde = PDE([(0, 1), (0, 1)], {(2, 0): -1.0, (0, 2): -1.0}, 1.0)  # weak singularities in the corners
    solution, _ = solved(pde, "gp", rtol=1e-6)
    assert solution.converged
    assert solution.stats["shape"] == (257, 257)
