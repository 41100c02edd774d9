"""Finite elements for Poisson's equation and linear elasticity on a plate with a hole."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_integer
from ritz.errors import MissingExtra
from ritz.operators import Sparse, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

__all__ = ["fem", "plate_mesh", "plate_solution"]

KINDS = ("poisson", "elasticity")
YOUNG, POISSON_RATIO = 1.0, 0.3
HOLE = 0.2  # radius of the hole in the centre of the unit square
SIDE_EDGES, HOLE_EDGES = 6, 12  # boundary edges of the coarsest mesh
MESH_SEED = 2


@problems.register("fem")
def fem(kind: str = "poisson", *, refinements: int = 3) -> LinearSystem:
    r"""Return a system of linear finite elements on triangles :cite:`GustafssonMcBain2020`.

    .. math::
        -\Delta u = f, \qquad \text{or} \qquad
        -\nabla\cdot\sigma(u) = f, \quad \sigma(u) = \lambda\,\mathrm{tr}\,\varepsilon(u)\,I + 2\mu\,\varepsilon(u)

    on an unstructured mesh of the unit square with a hole (a polygon of twelve corners). u is given on all sides and on
    the hole, and the nodes there are eliminated. Elasticity is plane strain with Young's modulus 1 and Poisson's ratio
    0.3 :cite:`Braess2007`. f and the boundary values are computed from a smooth solution :cite:`Roache2002`, stored in
    ``exact`` at the free nodes. The solution of the system differs from it by O(h²) in L². Displacements are numbered
    node by node, x before y.

    Parameters
    ----------
    kind : {"poisson", "elasticity"}
        Equation to discretise.
    refinements : int
        Number of times each triangle is divided into four, which gives 16, 100, 472, 2032, 8416, ... free nodes.
        Takes O(4^refinements) time and memory.

    Returns
    -------
    LinearSystem
        A symmetric positive definite system without a grid.

    Raises
    ------
    MissingExtra
        Without scikit-fem: ``pip install 'ritz[fem]'``.
    InvalidProblem, UnknownName
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> ritz.problems.fem("elasticity", refinements=1).operator.tags == ritz.problems.fem(refinements=1).operator.tags
    True
    """
    check_choice("kind", kind, KINDS)
    mesh = plate_mesh(check_integer("refinements", refinements, least=0))
    basis, matrix, load = _assemble(kind, mesh)
    exact = plate_solution(kind, mesh.p).T.ravel()
    fixed = np.zeros(basis.N, dtype=bool)
    fixed[basis.get_dofs().all()] = True
    rhs = (load - matrix[:, fixed] @ exact[fixed])[~fixed]
    operator = Sparse(matrix[~fixed][:, ~fixed], tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    return LinearSystem(operator, rhs, exact=exact[~fixed], name=f"finite elements, {kind}")


def plate_solution(kind: str, points: np.ndarray) -> np.ndarray:
    """Return the exact solution at `points` of shape (2, n), shape (1, n), or (2, n) for displacements."""
    x, y = points
    if kind == "poisson":
        return (np.sin(2 * x + 0.5) * np.exp(y))[None]
    return 0.1 * np.stack([np.sin(np.pi * x) * np.cos(y), np.cos(x) * np.sin(np.pi * y) + x * y])


def plate_mesh(refinements: int) -> Any:
    """Return the ``skfem.MeshTri`` of the plate.

    The coarsest mesh is the Delaunay triangulation of boundary points and a jittered lattice; it is refined uniformly.
    """
    try:
        from skfem import MeshTri
    except ImportError:
        raise MissingExtra("scikit-fem", "fem") from None
    from scipy.spatial import Delaunay

    t = np.arange(SIDE_EDGES) / SIDE_EDGES
    square = np.concatenate(
        [np.stack(side, 1) for side in ((t, 0 * t), (1 + 0 * t, t), (1 - t, 1 + 0 * t), (0 * t, 1 - t))]
    )
    angles = 2 * np.pi * np.arange(HOLE_EDGES) / HOLE_EDGES
    hole = 0.5 + HOLE * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lattice = np.stack(np.meshgrid(t[1:], t[1:], indexing="ij"), axis=-1).reshape(-1, 2)
    lattice += np.random.default_rng(MESH_SEED).uniform(-0.2, 0.2, lattice.shape) / SIDE_EDGES
    inside = lattice[np.linalg.norm(lattice - 0.5, axis=1) > HOLE + 0.6 / SIDE_EDGES]
    points = np.concatenate([square, hole, inside])
    triangles = Delaunay(points).simplices
    centroids = points[triangles].mean(axis=1)
    triangles = triangles[np.linalg.norm(centroids - 0.5, axis=1) > HOLE * np.cos(np.pi / HOLE_EDGES)]
    return MeshTri(points.T.copy(), triangles.T.copy()).refined(refinements)


def _assemble(kind: str, mesh: Any) -> tuple[Any, Any, np.ndarray]:
    import skfem
    from skfem.models.elasticity import lame_parameters, linear_elasticity
    from skfem.models.poisson import laplace

    if kind == "poisson":
        basis = skfem.Basis(mesh, skfem.ElementTriP1(), intorder=4)

        @skfem.LinearForm
        def source(v: Any, w: Any) -> Any:
            x, y = w.x
            return 3 * np.sin(2 * x + 0.5) * np.exp(y) * v  # -laplacian u = 3 u

        return basis, laplace.assemble(basis).tocsr(), source.assemble(basis)

    lame, shear = lame_parameters(YOUNG, POISSON_RATIO)
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP1()), intorder=4)

    @skfem.LinearForm
    def force(v: Any, w: Any) -> Any:
        pull = _force(w.x[0], w.x[1], lame, shear)
        return pull[0] * v[0] + pull[1] * v[1]

    return basis, linear_elasticity(lame, shear).assemble(basis).tocsr(), force.assemble(basis)


def _force(x: np.ndarray, y: np.ndarray, lame: float, shear: float) -> tuple[np.ndarray, np.ndarray]:
    """Return -div σ = -μ Δu - (λ + μ) ∇(div u) of `plate_solution`."""
    pi = np.pi
    first, second = np.sin(pi * x) * np.cos(y), np.cos(x) * np.sin(pi * y)
    # div u = 0.1 (π cos πx cos y + π cos x cos πy + x)
    divergence_x = -(pi**2) * first - pi * np.sin(x) * np.cos(pi * y) + 1
    divergence_y = -pi * np.cos(pi * x) * np.sin(y) - pi**2 * second
    laplacian = -(pi**2 + 1) * np.stack([first, second])
    return (
        0.1 * (-shear * laplacian[0] - (lame + shear) * divergence_x),
        0.1 * (-shear * laplacian[1] - (lame + shear) * divergence_y),
    )
