"""Elastic plate with a hole."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer
from ritz.operators import Sparse, Tag
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.registry import problems

from ..matrices.fem import plate_mesh

__all__ = ["perforated_plate"]

POISSON_RATIO, RING = 0.3, 0.35


@problems.register("perforated-plate")
def perforated_plate(refinements: int = 2) -> ParametricPDE:
    r"""Return an elastic plate with a hole, clamped on the left and pulled on the right.

    .. math::
        -\nabla\cdot\sigma(u)=0,\quad \sigma=E\,(\lambda_1\operatorname{tr}\varepsilon(u)I+2\mu_1\varepsilon(u)),\quad
        u=0\text{ at the left},\quad \sigma\nu=10^a(\cos\varphi,\sin\varphi)\text{ at the right}

    of the unit square, in plane strain, where E is :math:`10^b` in a ring of radius 0.35 around the hole, :math:`10^c`
    in the rest of the right half, and 1 elsewhere. Discretised by linear finite elements on triangles. The parameters
    are ``ring`` b and ``right`` c (-1 to 1), ``angle`` φ (-π to π) and ``load`` a (-1 to 1), a nuisance parameter. The
    affine form has Q = 3 and R = 2. The inner product is the energy of the plate with E = 1. Displacements are numbered
    node by node, x before y.

    Parameters
    ----------
    refinements : int
        Number of times each triangle is divided into four; 0, 1, ... give 90, 356, ... displacements.

    Raises
    ------
    MissingExtra
        Without scikit-fem: ``pip install 'ritz[fem]'``.

    Examples
    --------
    >>> problem = perforated_plate(0)
    >>> problem.relative_residual(problem.solution()) < 1e-9
    True
    """
    mesh = plate_mesh(check_integer("refinements", refinements, least=0))
    import skfem
    from skfem.models.elasticity import lame_parameters, linear_elasticity

    element = skfem.ElementVector(skfem.ElementTriP1())
    x, y = mesh.p[:, mesh.t].mean(axis=1)
    ring = (x - 0.5) ** 2 + (y - 0.5) ** 2 < RING**2
    form = linear_elasticity(*lame_parameters(1.0, POISSON_RATIO))
    regions = [~ring & (x <= 0.5), ring, ~ring & (x > 0.5)]
    parts = [skfem.Basis(mesh, element, elements=np.flatnonzero(region)) for region in regions]
    matrices: list[Any] = [form.assemble(part).tocsr() for part in parts]
    right = skfem.FacetBasis(mesh, element, facets=mesh.facets_satisfying(lambda p: p[0] > 1.0 - 1e-9))
    pulls = [skfem.LinearForm(pull).assemble(right) for pull in (_along_x, _along_y)]
    clamped = np.zeros(right.N, dtype=bool)
    clamped[right.get_dofs(lambda p: p[0] < 1e-9).all()] = True
    free = ~clamped
    operators = [matrix[free][:, free] for matrix in matrices]
    energy: Any = operators[0] + operators[1] + operators[2]
    return ParametricPDE(
        None,
        {"ring": (-1.0, 1.0), "right": (-1.0, 1.0), "angle": (-np.pi, np.pi), "load": (-1.0, 1.0)},
        product=Sparse(energy, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}),
        affine=AffineForm(operators, _moduli, np.stack([pull[free] for pull in pulls]), _loads, symmetric=True),
        name=f"perforated plate, {np.count_nonzero(free)} displacements",
    )


def _along_x(v: Any, w: Any) -> Any:
    return v[0]


def _along_y(v: Any, w: Any) -> Any:
    return v[1]


def _moduli(mu: np.ndarray) -> np.ndarray:
    return np.array([1.0, 10.0 ** mu[0], 10.0 ** mu[1]])


def _loads(mu: np.ndarray) -> np.ndarray:
    return 10.0 ** mu[3] * np.array([np.cos(mu[2]), np.sin(mu[2])])
