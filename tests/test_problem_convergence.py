"""Orders of convergence to manufactured solutions, on three meshes each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

import ritz
from ritz.problem_types.linear_system import SystemSequence

BOUNDARIES = ["dirichlet", "neumann", "periodic", "mixed", {"x-": "neumann", "y+": "neumann"}]


def direct_solution(operator, rhs):
    """Solve by LU; on one singular region fix the first value, then take the mean away."""
    matrix = operator.to_sparse().tocsc()
    if operator.nullspace is None:
        return spsolve(matrix, rhs)
    assert operator.nullspace.count == 1
    x = np.zeros(rhs.size)
    x[1:] = spsolve(matrix[1:, 1:], rhs[1:])
    return operator.nullspace.project(x)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def assert_order(sizes, errors, order):
    """Check the slope of a straight line through the logarithms, within 0.15."""
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.15), f"errors {errors} on {sizes}"


def assert_space_order(build, sizes, order):
    errors = []
    for n in sizes:
        system = build(n)
        errors.append(rms(direct_solution(system.operator, system.rhs) - system.exact))
    assert_order(sizes, errors, order)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
@pytest.mark.parametrize(("aspect", "sizes"), [((4, 3), (4, 8, 16)), ((4, 3, 2), (4, 6, 9))], ids=["2-D", "3-D"])
def test_poisson(boundary, aspect, sizes):
    assert_space_order(lambda n: ritz.problems.poisson(tuple(n * a for a in aspect), boundary=boundary), sizes, 2)


@pytest.mark.parametrize("shift", [40.0, -110.0])
@pytest.mark.parametrize("boundary", ["dirichlet", "mixed"])
def test_helmholtz(shift, boundary):
    assert_space_order(lambda n: ritz.problems.helmholtz((n, n), shift=shift, boundary=boundary), (32, 64, 96), 2)


@pytest.mark.parametrize(("scheme", "order"), [("upwind", 1), ("central", 2)])
@pytest.mark.parametrize("velocity", ["constant", "recirculating", (-1.0, 2.0)], ids=str)
def test_advection_diffusion(scheme, order, velocity):
    assert_space_order(
        lambda n: ritz.problems.advection_diffusion((n, n), peclet=20.0, velocity=velocity, scheme=scheme),
        (32, 64, 128),
        order,
    )


def test_advection_diffusion_in_space():
    assert_space_order(
        lambda n: ritz.problems.advection_diffusion((n, n, n), peclet=10.0, scheme="central"), (8, 12, 18), 2
    )


def test_diffusion_with_a_smooth_coefficient():
    """c = 2 + sin πx cos πy and u = sin πx sin πy, which is zero on the sides of the unit square."""
    sizes, errors = (16, 32, 64), []
    for n in sizes:
        axis = (np.arange(n) + 0.5) / n
        x, y = np.pi * axis[:, None], np.pi * axis[None, :]
        c = 2 + np.sin(x) * np.cos(y)
        u = np.sin(x) * np.sin(y)
        fluxes = np.pi**2 * (
            np.cos(x) * np.cos(y) * np.cos(x) * np.sin(y) - np.sin(x) * np.sin(y) * np.sin(x) * np.cos(y)
        )
        f = 2 * np.pi**2 * c * u - fluxes
        system = ritz.problems.diffusion((n, n), coefficient=c)
        errors.append(rms(direct_solution(system.operator, f.ravel()) - u.ravel()))
    assert_order(sizes, errors, 2)


@pytest.mark.parametrize("angle", [0.0, np.pi / 6, 2.0])
@pytest.mark.parametrize("anisotropy", [1.0, 0.1, 1e-3])
def test_rotated_diffusion(angle, anisotropy):
    """U = e^(x+y) sin πx sin πy on the unit square."""
    sizes, errors = (32, 64, 128), []
    cosine, sine = np.cos(angle), np.sin(angle)
    for n in sizes:
        system = ritz.problems.diffusion((n, n), coefficient="rotated", angle=angle, anisotropy=anisotropy)
        x, y = (
            (
                np.exp(t) * np.sin(np.pi * t),
                np.exp(t) * (np.pi * np.cos(np.pi * t) + np.sin(np.pi * t)),
                np.exp(t) * (2 * np.pi * np.cos(np.pi * t) + (1 - np.pi**2) * np.sin(np.pi * t)),
            )
            for t in system.grid.axes
        )
        f = -(
            (cosine**2 + anisotropy * sine**2) * np.outer(x[2], y[0])
            + (sine**2 + anisotropy * cosine**2) * np.outer(x[0], y[2])
            + 2 * (1 - anisotropy) * cosine * sine * np.outer(x[1], y[1])
        )
        errors.append(rms(direct_solution(system.operator, f.ravel()) - np.outer(x[0], y[0]).ravel()))
    assert_order(sizes, errors, 2)


def error_after(sequence: SystemSequence) -> float:
    *_, (_, x) = sequence.march(lambda rhs: direct_solution(sequence.operator, rhs))
    return rms(x - sequence.exact(sequence.steps))


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic", {"x-": "neumann"}], ids=str)
@pytest.mark.parametrize(("scheme", "order"), [("backward-euler", 1), ("crank-nicolson", 2)])
def test_heat_in_time(scheme, order, boundary):
    counts = (20, 40, 80)
    errors = [
        error_after(ritz.problems.heat((1000,), steps=m, dt=0.04 / m, scheme=scheme, boundary=boundary)) for m in counts
    ]
    assert_order(counts, errors, order)


def test_heat_in_space():
    sizes = (16, 24, 36)
    errors = [
        error_after(ritz.problems.heat((n, n), steps=40, dt=5e-4, scheme="crank-nicolson", boundary="mixed"))
        for n in sizes
    ]
    assert_order(sizes, errors, 2)


@pytest.mark.parametrize("kind", ["poisson", "elasticity"])
def test_finite_elements(kind):
    pytest.importorskip("skfem")
    assert_space_order(lambda n: ritz.problems.fem(kind, refinements=int(np.log2(n))), (4, 8, 16), 2)
