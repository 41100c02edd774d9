"""Small finite-element matrices shipped with PyAMG."""

from __future__ import annotations

import numpy as np

from ritz.arguments import check_choice, check_seed
from ritz.errors import InvalidProblem
from ritz.operators import Sparse, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

from ..reference import random_reference, system_from_reference

__all__ = ["gallery"]

DEFINITE = {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}
MATRICES = {  # with their tags, which the tests check
    "airfoil": DEFINITE,
    "bar": DEFINITE,
    "knot": DEFINITE,
    "local_disc_galerkin_diffusion": DEFINITE,
    "recirc_flow": set(),
    "unit_cube": DEFINITE,
    "unit_square": {Tag.SYMMETRIC, Tag.SEMIDEFINITE},
}
COMPLEX = ("helmholtz_2D",)


@problems.register("gallery")
def gallery(name: str = "airfoil", *, seed: int = 0) -> LinearSystem:
    """Return a system with an example matrix of PyAMG :cite:`BellOlsonSchroder2022` and a known solution.

    The matrices have 125 to 966 rows and come from finite elements on unstructured meshes, in the units of their
    authors, with Dirichlet values eliminated. The reference solution is a seeded standard normal vector, and the
    right-hand side is its product with the matrix.

    Parameters
    ----------
    name : str
        ``"airfoil"``, ``"unit_square"`` (Poisson on triangles; the latter with Neumann sides only, hence singular),
        ``"knot"``, ``"unit_cube"`` (Poisson on tetrahedra and surfaces), ``"bar"`` (linear elasticity),
        ``"local_disc_galerkin_diffusion"`` (discontinuous elements of high order), ``"recirc_flow"`` (recirculating
        advection-diffusion, not symmetric).
    seed : int
        Seed of the reference solution.

    Returns
    -------
    LinearSystem
        ``exact`` solves the system itself.

    Raises
    ------
    UnknownName
        With close matches.
    InvalidProblem
        For ``"helmholtz_2D"``, which is complex.

    Examples
    --------
    >>> import ritz
    >>> ritz.problems.gallery("bar").size
    600
    """
    from pyamg.gallery import load_example

    check_choice("gallery matrix", name, (*MATRICES, *COMPLEX))
    if name in COMPLEX:
        raise InvalidProblem(f"gallery matrix {name!r} is complex; Ritz solves real systems: {', '.join(MATRICES)}")
    matrix = load_example(name)["A"].tocsr().astype(np.float64)
    operator = Sparse(matrix, tags=MATRICES[name])
    reference = random_reference(matrix.shape[0], check_seed(seed))
    return system_from_reference(operator, reference, name=f"gallery {name}")


def gallery_mesh(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices, shape (vertices, d), and the elements, shape (elements, nodes), of an example matrix."""
    from pyamg.gallery import load_example

    example = load_example(name)
    return example["vertices"], np.asarray(example["elements"], dtype=int)
