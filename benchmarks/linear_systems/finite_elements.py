"""Matrices of finite elements: assembled by scikit-fem, from scalar equations to mixed methods and elasticity."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = ["FINITE_ELEMENTS"]


def _helpers(*names: str) -> list[Any]:
    """Return functions of scikit-fem, whose types do not know of arrays of arrays."""
    module = import_module("skfem.helpers")
    return [getattr(module, name) for name in names]


def _square(refinements: int, *, holes: bool = False) -> Any:
    import skfem

    mesh = skfem.MeshTri.init_sqsymmetric().refined(refinements)
    return (
        mesh.remove_elements(np.flatnonzero(np.hypot(*(mesh.p[:, mesh.t].mean(axis=1) - 0.5)) < 0.2)) if holes else mesh
    )


def _cube(cells: int) -> Any:
    import skfem

    return skfem.MeshTet.init_tensor(*[np.linspace(0, 1, cells + 1)] * 3)


def _bricks(*cells: int) -> Any:
    import skfem

    kind = skfem.MeshQuad if len(cells) == 2 else skfem.MeshHex
    return kind.init_tensor(*[np.linspace(0, count / max(cells), count + 1) for count in cells])


def _free(matrix: Any, fixed: Any) -> Any:
    kept = np.setdiff1d(np.arange(matrix.shape[0]), np.asarray(fixed))
    return sp.csr_array(matrix)[kept][:, kept]


def scalar(mesh: Callable[[], Any], element: str, *, form: str = "laplace", shift: float = 0.0) -> Callable[[], Any]:
    """Return a function that assembles a scalar equation: laplace, mass, layered, convection."""

    def make() -> Any:
        import skfem

        dot, grad = _helpers("dot", "grad")

        basis = skfem.Basis(mesh(), getattr(skfem, element)())

        @skfem.BilinearForm
        def bilinear(u: Any, v: Any, w: Any) -> Any:
            if form == "mass":
                return u * v
            if form == "layered":
                return np.where(np.sin(20 * w.x[0]) > 0, 1.0, 1e4) * dot(grad(u), grad(v))
            wind = 60.0 * (w.x[1] * grad(u)[0] - w.x[0] * grad(u)[1]) * v if form == "convection" else 0.0
            return dot(grad(u), grad(v)) + shift * u * v + wind

        matrix = bilinear.assemble(basis)
        return sp.csr_array(matrix) if form == "mass" else _free(matrix, basis.get_dofs().flatten())

    return make


def elasticity(mesh: Callable[[], Any], element: str, *, ratio: float = 0.3, fixed: bool = True) -> Callable[[], Any]:
    """Return a function that assembles linear elasticity, held on the left or free."""

    def make() -> Any:
        import skfem
        from skfem.models.elasticity import lame_parameters, linear_elasticity

        basis = skfem.Basis(mesh(), skfem.ElementVector(getattr(skfem, element)()))
        matrix = linear_elasticity(*lame_parameters(1.0, ratio)).assemble(basis)
        if not fixed:
            return sp.csr_array(matrix)
        return _free(matrix, basis.get_dofs(lambda x: np.isclose(x[0], 0.0)).flatten())

    return make


def mixed_poisson(mesh: Callable[[], Any], flux: str, pressure: str) -> Callable[[], Any]:
    """Return a function that assembles the mixed form of Poisson's equation."""

    def make() -> Any:
        import skfem

        div, dot = _helpers("div", "dot")

        grid = mesh()
        fluxes = skfem.Basis(grid, getattr(skfem, flux)(), intorder=3)
        pressures = fluxes.with_element(getattr(skfem, pressure)())
        mass = skfem.BilinearForm(lambda u, v, w: dot(u, v)).assemble(fluxes)
        divergence = skfem.BilinearForm(lambda u, q, w: -div(u) * q).assemble(fluxes, pressures)
        return sp.csr_array(sp.block_array([[mass, divergence.T], [divergence, None]]))

    return make


def stokes(mesh: Callable[[], Any], *, convection: float = 0.0) -> Callable[[], Any]:
    """Return a function that assembles Stokes or Oseen flow by Taylor-Hood elements, with an open side."""

    def make() -> Any:
        import skfem

        ddot, div, dot, grad = _helpers("ddot", "div", "dot", "grad")

        grid = mesh()
        velocities = skfem.Basis(grid, skfem.ElementVector(skfem.ElementTriP2()), intorder=4)
        pressures = velocities.with_element(skfem.ElementTriP1())

        @skfem.BilinearForm
        def viscous(u: Any, v: Any, w: Any) -> Any:
            along = convection * dot(np.stack([w.x[1] * grad(u)[k][0] - w.x[0] * grad(u)[k][1] for k in (0, 1)]), v)
            return ddot(grad(u), grad(v)) + along

        divergence = skfem.BilinearForm(lambda u, q, w: -div(u) * q).assemble(velocities, pressures)
        matrix = sp.block_array([[viscous.assemble(velocities), divergence.T], [divergence, None]])
        walls = velocities.get_dofs(lambda x: np.isclose(x[0], 0.0) | np.isclose(x[1], 0.0) | np.isclose(x[1], 1.0))
        return _free(matrix, walls.flatten())

    return make


def plate(refinements: int) -> Callable[[], Any]:
    """Return a function that assembles the bending of a clamped plate by Morley's element."""

    def make() -> Any:
        import skfem

        dd, ddot = _helpers("dd", "ddot")

        basis = skfem.Basis(_square(refinements), skfem.ElementTriMorley())
        matrix = skfem.BilinearForm(lambda u, v, w: ddot(dd(u), dd(v))).assemble(basis)
        return _free(matrix, basis.get_dofs().flatten())

    return make


def maxwell(cells: int, shift: float) -> Callable[[], Any]:
    """Return a function that assembles curl curl + shift by edge elements."""

    def make() -> Any:
        import skfem

        curl, dot = _helpers("curl", "dot")

        basis = skfem.Basis(_cube(cells), skfem.ElementTetN0())
        matrix = skfem.BilinearForm(lambda u, v, w: dot(curl(u), curl(v)) + shift * dot(u, v)).assemble(basis)
        return _free(matrix, basis.get_dofs().flatten())

    return make


FINITE_ELEMENTS: dict[str, Callable[[], Any]] = {
    "fem/poisson-P1-4": scalar(lambda: _square(4), "ElementTriP1"),
    "fem/poisson-P1-6": scalar(lambda: _square(6), "ElementTriP1"),
    "fem/poisson-P2-4": scalar(lambda: _square(4), "ElementTriP2"),
    "fem/poisson-P2-5": scalar(lambda: _square(5), "ElementTriP2"),
    "fem/poisson-holes": scalar(lambda: _square(6, holes=True), "ElementTriP1"),
    "fem/poisson-P4": scalar(lambda: _square(4), "ElementTriP4"),
    "fem/poisson-CR": scalar(lambda: _square(5), "ElementTriCR"),
    "fem/poisson-Q2": scalar(lambda: _bricks(40, 40), "ElementQuad2"),
    "fem/poisson-tets": scalar(lambda: _cube(18), "ElementTetP1"),
    "fem/poisson-tets-P2": scalar(lambda: _cube(8), "ElementTetP2"),
    "fem/poisson-bricks": scalar(lambda: _bricks(18, 18, 18), "ElementHex1"),
    "fem/layered-P1": scalar(lambda: _square(5), "ElementTriP1", form="layered"),
    "fem/layered-P2": scalar(lambda: _square(5), "ElementTriP2", form="layered"),
    "fem/layered-tets": scalar(lambda: _cube(16), "ElementTetP1", form="layered"),
    "fem/mass-P1": scalar(lambda: _square(6), "ElementTriP1", form="mass"),
    "fem/mass-P2": scalar(lambda: _square(5), "ElementTriP2", form="mass"),
    "fem/mass-tets": scalar(lambda: _cube(20), "ElementTetP1", form="mass"),
    "fem/helmholtz-P1": scalar(lambda: _square(5), "ElementTriP1", shift=-700.0),
    "fem/helmholtz-P2": scalar(lambda: _square(4), "ElementTriP2", shift=-300.0),
    "fem/helmholtz-tets": scalar(lambda: _cube(12), "ElementTetP1", shift=-100.0),
    "fem/reaction-P1": scalar(lambda: _square(6), "ElementTriP1", shift=1e4),
    "fem/convection-P1": scalar(lambda: _square(6), "ElementTriP1", form="convection"),
    "fem/convection-P2": scalar(lambda: _square(5), "ElementTriP2", form="convection"),
    "fem/convection-tets": scalar(lambda: _cube(14), "ElementTetP1", form="convection"),
    "fem/elasticity-P1": elasticity(lambda: _square(5), "ElementTriP1"),
    "fem/elasticity-P2": elasticity(lambda: _square(4), "ElementTriP2"),
    "fem/elasticity-near-incompressible": elasticity(lambda: _square(4), "ElementTriP2", ratio=0.4999),
    "fem/elasticity-beam": elasticity(lambda: _bricks(200, 8), "ElementQuad1"),
    "fem/elasticity-bricks": elasticity(lambda: _bricks(10, 10, 10), "ElementHex1"),
    "fem/elasticity-bar": elasticity(lambda: _bricks(40, 4, 4), "ElementHex1"),
    "fem/elasticity-tets": elasticity(lambda: _cube(10), "ElementTetP1"),
    "fem/elasticity-free-plane": elasticity(lambda: _square(3), "ElementTriP1", fixed=False),
    "fem/elasticity-free-space": elasticity(lambda: _bricks(6, 6, 6), "ElementHex1", fixed=False),
    "fem/mixed-RT0": mixed_poisson(lambda: _square(4), "ElementTriRT0", "ElementTriP0"),
    "fem/mixed-RT0-fine": mixed_poisson(lambda: _square(5), "ElementTriRT0", "ElementTriP0"),
    "fem/mixed-RT0-tets": mixed_poisson(lambda: _cube(6), "ElementTetRT0", "ElementTetP0"),
    "fem/mixed-BDM1": mixed_poisson(lambda: _square(4), "ElementTriBDM1", "ElementTriP0"),
    "fem/stokes": stokes(lambda: _square(3)),
    "fem/stokes-fine": stokes(lambda: _square(5)),
    "fem/oseen": stokes(lambda: _square(4), convection=50.0),
    "fem/plate-4": plate(4),
    "fem/plate-5": plate(5),
    "fem/maxwell": maxwell(8, 1.0),
    "fem/maxwell-singular": maxwell(6, 0.0),
    "fem/maxwell-negative": maxwell(7, -10.0),
}
