"""Equations on a mesh from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_integer, check_number
from ritz.errors import InvalidProblem
from ritz.operators import Sparse, Tag

from .assembly import EQUATIONS, VECTOR, assemble, dirichlet_values, space_of
from .conditions import read_conditions
from .mesh_system import MeshSpace, MeshSystem
from .reading import read_mesh

__all__ = ["mesh"]


def mesh(
    file: Any,
    *,
    equation: str = "poisson",
    conditions: Mapping[str, Any],
    source: Any = None,
    coefficient: Any = 1.0,
    order: int = 1,
    poisson_ratio: float = 0.3,
    wave_number: float | None = None,
) -> MeshSystem:
    r"""Return an equation on a mesh, discretised by finite elements :cite:`GustafssonMcBain2020`.

    .. math::
        -\nabla\cdot(c\,\nabla u) = f, \quad
        -\nabla\cdot(c\,\nabla u) - k^2 u = f, \quad
        -\nabla\cdot\sigma(u) = f, \quad
        -\nabla\cdot(2c\,\varepsilon(u) - p I) = f,\ \nabla\cdot u = 0

    are ``"poisson"``, ``"diffusion"`` and steady ``"heat"`` (three names of one equation), ``"helmholtz"``,
    ``"elasticity"`` (isotropic, of Young's modulus c; plane strain in 2-D :cite:`Braess2007`) and ``"stokes"`` (of
    viscosity c, by Taylor-Hood elements).

    Parameters
    ----------
    file : path, meshio.Mesh or skfem.Mesh
        Any format that meshio reads: Gmsh, VTK, XDMF, Abaqus, ... Parts of the boundary and regions are named by
        physical groups and sets, or by integer data of cells, where the number is the name. Curved cells are taken as
        straight.
    equation : {"poisson", "diffusion", "heat", "helmholtz", "elasticity", "stokes"}
    conditions : mapping
        For each tag of the boundary a value of u; or ``("neumann", g)``, where the flux c ∂u/∂n, or the traction, is
        g; or ``("robin", a, g)``, where the flux plus a u is g. Values are numbers, functions ``g(x, y)`` of arrays of
        coordinates, or one of these per component, where None leaves a component free: ``(0.0, None)``. The tag
        ``"boundary"`` stands for all that no other condition names. What is left has no flux and no traction.
    source : float, sequence or callable, optional
        f, one value per component; zero if None.
    coefficient : float, callable or mapping
        c > 0; a mapping has a value for each region.
    order : {1, 2}
        Degree of the polynomials. The pressure of Stokes flow has one less, so that it needs order 2.
    poisson_ratio : float
        Poisson's ratio of an elastic body, above -1 and below 1/2.
    wave_number : float, optional
        k of the Helmholtz equation.

    Returns
    -------
    MeshSystem
        A `LinearSystem` of the unknowns that conditions leave, whose solution is a `MeshSolution`.

    Raises
    ------
    InvalidProblem, UnknownName
        Naming the argument that is wrong: tags that the mesh does not have, conditions that overlap or determine no
        unique u, vectors that do not fit the dimension of the mesh, degenerate cells, files that cannot be read.
    MissingExtra
        Without scikit-fem or meshio: ``pip install 'ritz[fem]'``.

    Examples
    --------
    >>> import ritz, skfem
    >>> square = skfem.MeshTri().refined(4).with_boundaries({"left": lambda x: x[0] == 0.0})
    >>> problem = ritz.problems.mesh(square, conditions={"left": 0.0, "boundary": 1.0}, order=2)
    >>> solution = ritz.solve(problem)
    >>> solution.interpolate([[0.5, 0.5]]).round(3).tolist()
    [0.75]
    """
    check_choice("equation", equation, EQUATIONS)
    order = check_integer("order", order, least=1, most=2)
    nu = check_number("poisson_ratio", poisson_ratio)
    if not -1.0 < nu < 0.5:
        raise InvalidProblem(f"poisson_ratio is {nu:g}; it must lie between -1 and 1/2")
    if (wave_number is not None) != (equation == "helmholtz"):
        raise InvalidProblem(f"wave_number is {wave_number} and equation {equation!r}: only 'helmholtz' needs it")
    k = 0.0 if wave_number is None else check_number("wave_number", wave_number)
    if equation == "stokes" and order != 2:
        raise InvalidProblem("order is 1, and Taylor-Hood elements for 'stokes' have order 2")
    tagged = read_mesh(file)
    d = tagged.dimension
    if equation in VECTOR and d == 1:
        raise InvalidProblem(f"file is a 1-D mesh, and the equation {equation!r} needs two or three dimensions")
    parts = read_conditions(conditions, tagged)
    given_source = ([0.0] * d if equation in VECTOR else 0.0) if source is None else source
    data = {"coefficient": coefficient, "source": given_source, "poisson_ratio": nu, "wave_number": k}
    matrix, load = assemble(tagged, equation, parts, order, data)
    fixed, values = dirichlet_values(tagged, equation, parts, order, len(load))
    _check_determined(equation, parts, fixed, matrix, space_of(tagged.mesh, equation, order))
    if equation == "stokes":
        _close_pressure(matrix, load, fixed, values, space_of(tagged.mesh, equation, order))
    rhs = (load - matrix[:, fixed] @ values[fixed])[~fixed]
    tags = {Tag.SYMMETRIC} if equation in ("helmholtz", "stokes") else {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}
    kept = matrix[~fixed][:, ~fixed]
    return MeshSystem(
        Sparse(0.5 * (kept + kept.T), tags=tags),
        rhs,
        name=f"{equation} on a mesh",
        space=MeshSpace(tagged, equation, order, fixed, values),
    )


def _check_determined(equation: str, parts: Any, fixed: np.ndarray, matrix: Any, basis: Any) -> None:
    """Raise `InvalidProblem` if constants, or rigid motions, can be added to u."""
    if fixed[: basis.N].all():
        raise InvalidProblem("conditions give u at every node of the mesh: refine it, or use order 2")
    if equation == "helmholtz" or any(part.kind == "robin" for part in parts):
        return
    motions = _rigid_motions(basis) if equation in VECTOR else np.ones((basis.N, 1))
    held = motions[fixed[: basis.N]]
    if not len(held) or np.linalg.matrix_rank(held) < motions.shape[1]:
        what = "rigid motions" if equation in VECTOR else "a constant"
        raise InvalidProblem(f"conditions determine u only up to {what}: give u on a part of the boundary, or 'robin'")


def _rigid_motions(basis: Any) -> np.ndarray:
    """Return the translations and rotations, shape (N, 3) or (N, 6), in a length of about 1."""
    places = basis.doflocs - basis.doflocs.mean(axis=1, keepdims=True)
    places = places / np.abs(places).max()
    d = len(places)
    component = np.empty(basis.N, dtype=int)
    for axis in range(d):
        names = {name for name in basis.elem.dofnames if name.endswith(f"^{axis + 1}")}
        component[basis.get_dofs(elements=True).all(sorted(names))] = axis
    motions = [(component == axis).astype(float) for axis in range(d)]
    for first in range(d):
        for second in range(first + 1, d):
            along, back = places[first] * (component == second), places[second] * (component == first)
            motions.append(along - back)
    return np.stack(motions, axis=1)


def _close_pressure(matrix: Any, load: np.ndarray, fixed: np.ndarray, values: np.ndarray, basis: Any) -> None:
    """Fix one pressure if all velocities on the boundary are given, and check that as much flows in as out."""
    sides = basis.get_dofs().all()
    if not fixed[sides].all():
        return
    flow = (matrix[basis.N :, : basis.N] @ values[: basis.N]).sum()
    through = np.abs(matrix[basis.N :, : basis.N] @ np.where(fixed[: basis.N], values[: basis.N], 0.0)).sum()
    if abs(flow) > 1e-3 * max(through, 1e-300):
        raise InvalidProblem(f"conditions let {abs(flow):.3g} more flow in or out, which an incompressible flow cannot")
    fixed[basis.N] = True
