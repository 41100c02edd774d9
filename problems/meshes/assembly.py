"""Finite elements for the equations that a mesh can be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import scipy.sparse as sp

from ritz.errors import InvalidProblem

from .conditions import Condition, values_at
from .reading import TaggedMesh

__all__ = ["EQUATIONS", "VECTOR", "assemble", "dirichlet_values", "scalar_basis", "space_of"]

EQUATIONS = ("poisson", "diffusion", "heat", "helmholtz", "elasticity", "stokes")
VECTOR = ("elasticity", "stokes")
ELEMENTS = {"MeshLine": "Line", "MeshTri": "Tri", "MeshQuad": "Quad", "MeshTet": "Tet", "MeshHex": "Hex"}


def element_of(mesh: Any, order: int) -> Any:
    """Return the Lagrange element of order 1 or 2 of the cells of a mesh."""
    import skfem

    kind = next(name for key, name in ELEMENTS.items() if isinstance(mesh, getattr(skfem, key)))
    letter = "P" if kind in ("Line", "Tri", "Tet") else ""
    return getattr(skfem, f"Element{kind}{letter}{order}")()


def scalar_basis(mesh: Any, order: int) -> Any:
    """Return the basis of continuous piecewise polynomials, integrated to twice the order and two more."""
    import skfem

    return skfem.Basis(mesh, element_of(mesh, order), intorder=2 * order + 2)


def space_of(mesh: Any, equation: str, order: int) -> Any:
    """Return the basis of the first unknown of an equation: scalar, or a vector of displacements or velocities."""
    import skfem

    if equation not in VECTOR:
        return scalar_basis(mesh, order)
    return skfem.Basis(mesh, skfem.ElementVector(element_of(mesh, order)), intorder=2 * order + 2)


def assemble(
    tagged: TaggedMesh, equation: str, conditions: list[Condition], order: int, data: Mapping[str, Any]
) -> tuple[sp.csr_array, np.ndarray]:
    """Return the matrix and the load of all unknowns, before Dirichlet values are eliminated."""
    from skfem.helpers import ddot, div, dot, grad, sym_grad

    mesh = tagged.mesh
    basis = space_of(mesh, equation, order)
    components = tagged.dimension if equation in VECTOR else 1
    weight = _coefficient(data["coefficient"], tagged, basis)
    if equation == "elasticity":
        nu = data["poisson_ratio"]
        lame, shear = nu / ((1 + nu) * (1 - 2 * nu)), 0.5 / (1 + nu)
        matrix = _bilinear(
            basis,
            lambda u, v, w: w.c * (2 * shear * ddot(sym_grad(u), sym_grad(v)) + lame * div(u) * div(v)),
            c=weight,
        )
    elif equation == "stokes":
        matrix = _bilinear(basis, lambda u, v, w: w.c * 2 * ddot(sym_grad(u), sym_grad(v)), c=weight)
    else:
        square, slope = data["wave_number"] ** 2, cast(Any, grad)
        matrix = _bilinear(basis, lambda u, v, w: w.c * dot(slope(u), slope(v)) - square * u * v, c=weight)
    force = values_at("source", data["source"], _points(basis), components)
    load = _linear(basis, force)
    for condition in conditions:
        if condition.kind != "dirichlet":
            more, pull = _on_facets(basis, condition, components)
            matrix, load = matrix + more, load + pull
    if equation == "stokes":
        pressure = scalar_basis(mesh, order - 1).with_element(element_of(mesh, order - 1))
        pressure = basis.with_element(pressure.elem)
        coupling = _bilinear(basis, lambda u, q, w: -div(u) * q, pressure)
        matrix = sp.block_array([[matrix, coupling.T], [coupling, None]])
        load = np.concatenate([load, np.zeros(pressure.N)])
    return sp.csr_array(matrix), load


def dirichlet_values(
    tagged: TaggedMesh, equation: str, conditions: list[Condition], order: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of all unknowns are given, and their values; later conditions win where parts meet."""
    basis = space_of(tagged.mesh, equation, order)
    components = tagged.dimension if equation in VECTOR else 1
    fixed, values = np.zeros(size, dtype=bool), np.zeros(size)
    for condition in conditions:
        if condition.kind != "dirichlet":
            continue
        found = basis.get_dofs(condition.facets)
        name = f"conditions[{condition.tag!r}]"
        for component in range(components):
            numbers = np.unique(found.all(_names(basis, component) if components > 1 else None))
            given = values_at(name, condition.values[0], basis.doflocs[:, numbers], components)[component]
            known = ~np.isnan(given)
            fixed[numbers[known]] = True
            values[numbers[known]] = given[known]
    return fixed, values


def _names(basis: Any, component: int) -> list[str]:
    """Return the names that scikit-fem gives to the unknowns of a component."""
    return sorted({name for name in basis.elem.dofnames if name.endswith(f"^{component + 1}")})


def _points(basis: Any) -> np.ndarray:
    return np.asarray(basis.global_coordinates())


def _bilinear(basis: Any, form: Any, test: Any = None, **fields: Any) -> sp.csr_array:
    import skfem

    return sp.csr_array(skfem.BilinearForm(form).assemble(basis, test, **fields))


def _linear(basis: Any, values: np.ndarray) -> np.ndarray:
    """Return the integrals of a field of values at the quadrature points against the basis functions."""
    import skfem
    from skfem.helpers import dot

    if len(values) == 1:
        return skfem.LinearForm(lambda v, w: w.f * v).assemble(basis, f=values[0])
    return skfem.LinearForm(lambda v, w: dot(w.f, v)).assemble(basis, f=values)


def _on_facets(basis: Any, condition: Condition, components: int) -> tuple[sp.csr_array, np.ndarray]:
    """Return the matrix and the load of a Neumann or Robin condition."""
    import skfem
    from skfem.helpers import dot

    side = skfem.FacetBasis(basis.mesh, basis.elem, facets=condition.facets, intorder=basis.elem.maxdeg * 2 + 2)
    name = f"conditions[{condition.tag!r}]"
    load = _linear(side, _complete(name, values_at(name, condition.values[-1], _points(side), components)))
    if condition.kind == "neumann":
        return sp.csr_array((basis.N, basis.N)), load
    strength = _complete(name, values_at(name, condition.values[0], _points(side), 1))[0]
    if strength.min() < 0:
        raise InvalidProblem(f"{name} has the coefficient {strength.min():g}; a Robin coefficient must not be negative")
    inner = (lambda u, v, w: w.a * u * v) if components == 1 else (lambda u, v, w: w.a * dot(u, v))
    return _bilinear(side, inner, a=strength), load


def _complete(name: str, values: np.ndarray) -> np.ndarray:
    if np.isnan(values).any():
        raise InvalidProblem(f"{name} has the component None, which only given values of u may have")
    return values


def _coefficient(given: Any, tagged: TaggedMesh, basis: Any) -> np.ndarray:
    """Return the coefficient at the quadrature points, shape (cells, points)."""
    points = _points(basis)
    if isinstance(given, Mapping):
        unknown = [tag for tag in given if tag not in tagged.regions]
        if unknown:
            known = ", ".join(map(repr, sorted(tagged.regions))) or "none"
            raise InvalidProblem(f"coefficient names the region {unknown[0]!r}; the regions of the mesh are {known}")
        values = np.full(points.shape[1:], np.nan)
        for tag, number in given.items():
            cells = tagged.regions[tag]
            values[cells] = values_at(f"coefficient[{tag!r}]", number, points[:, cells], 1)[0]
        if np.isnan(values).any():
            count = int(np.isnan(values).any(axis=1).sum())
            raise InvalidProblem(f"coefficient leaves {count} of {len(values)} cells without a value")
    else:
        values = values_at("coefficient", given, points, 1)[0]
    if not (values > 0).all():
        place = points.reshape(len(points), -1)[:, int(np.argmin(values))]
        raise InvalidProblem(
            f"coefficient is {values.min():g} at ({', '.join(f'{x:.3g}' for x in place)}); it must be positive"
        )
    return values
