"""Problems shared by the suites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.harness import Case
from ritz import problems
from ritz.operators import Sparse
from ritz.problem_types.linear_system import LinearSystem


def as_matrix(system: LinearSystem) -> LinearSystem:
    """Return the system with its operator as a CSR matrix, as users of SciPy have it."""
    operator = system.operator
    return replace(system, operator=Sparse(operator.to_sparse(), operator.tags, operator.nullspace))


def family(name: str, make: Callable[..., Any], shapes: list[tuple[int, ...]], **options: Any) -> list[Case]:
    """Return one case per shape."""
    return [Case(name, lambda shape=shape: make(shape, **options)) for shape in shapes]


def squares(*sides: int) -> list[tuple[int, ...]]:
    """Return two-dimensional shapes."""
    return [(side, side) for side in sides]


def cubes(*sides: int) -> list[tuple[int, ...]]:
    """Return three-dimensional shapes."""
    return [(side, side, side) for side in sides]


def plane_shapes(quick: bool) -> list[tuple[int, ...]]:
    """Return the two-dimensional shapes for the suite of `auto`."""
    return squares(24, 32) if quick else squares(24, 96, 256)


def unsymmetric(quick: bool) -> list[Case]:
    """Return the unsymmetric problems for the suite of `auto`."""
    shapes = plane_shapes(quick)
    cases = family("advection-diffusion 2-D, Pe 100", problems.advection_diffusion, shapes, peclet=100.0)
    return cases + family("advection-diffusion 2-D, Pe 1e4", problems.advection_diffusion, shapes, peclet=1e4)


def symmetric(quick: bool) -> list[Case]:
    """Return the symmetric problems for the suite of `auto`: every family, from small to large."""
    plane = plane_shapes(quick)
    space = cubes(8) if quick else cubes(12, 24, 48)
    cases: list[Case] = []
    for boundary in ("dirichlet", "neumann", "periodic", "mixed"):
        cases += family(f"poisson 2-D {boundary}", problems.poisson, plane, boundary=boundary)
        cases += family(f"poisson 3-D {boundary}", problems.poisson, space, boundary=boundary)
    cases += family("poisson 2-D obstacles", problems.poisson, plane, obstacles=6)
    cases += family("poisson 3-D obstacles", problems.poisson, space, obstacles=6)
    cases += family("diffusion 2-D inclusions 1e6", problems.diffusion, plane, contrast=1e6)
    cases += family("diffusion 3-D inclusions 1e6", problems.diffusion, space, contrast=1e6)
    cases += family("diffusion 2-D lognormal", problems.diffusion, plane, coefficient="lognormal")
    cases += family("diffusion 2-D rotated", problems.diffusion, plane, coefficient="rotated")
    cases += family("helmholtz 2-D definite", problems.helmholtz, plane, shift=50.0)
    cases += family("helmholtz 2-D indefinite", problems.helmholtz, plane, shift=-500.0)
    cases += family("heat 2-D, 10 steps", problems.heat, plane, steps=10)
    cases += family("pressure projection 2-D, 10 steps", problems.pressure_projection, plane, steps=10)
    cases += [Case("fem poisson", problems.fem), Case("gallery airfoil", problems.gallery)]
    return cases
