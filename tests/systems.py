"""Small systems, some of them nasty, that tests of solvers share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature

import numpy as np
import scipy.sparse as sp

import ritz
from ritz.operators import Dense, MatrixFree, Tag
from ritz.registry import problems

SYSTEMS: dict[str, Callable[[], ritz.LinearSystem]] = {}


def laplacian(*shape: int, periodic: bool = False) -> sp.csr_array:
    """Return the 3-, 5- or 7-point matrix of -(d/dx)^2 with unit spacing; u = 0 outside unless periodic."""
    total = sp.csr_array((int(np.prod(shape)),) * 2)
    for axis, n in enumerate(shape):
        line = sp.diags_array([-np.ones(n - 1), 2.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]).tolil()
        if periodic:
            line[0, -1] -= 1.0
            line[-1, 0] -= 1.0
        before, after = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
        total = total + sp.kron(sp.kron(sp.eye_array(before), line), sp.eye_array(after))
    return sp.csr_array(total)


def graph_laplacian(*components: int, seed: int = 0) -> sp.csr_array:
    """Return the Laplacian of a random weighted graph with connected components of these sizes."""
    generator = np.random.default_rng(seed)
    blocks = []
    for n in components:
        weights = np.triu(generator.random((n, n)) * (generator.random((n, n)) < 0.3), 1)
        weights[np.arange(n - 1), np.arange(1, n)] += 0.5
        weights += weights.T
        blocks.append(np.diag(weights.sum(axis=0)) - weights)
    return sp.csr_array(sp.block_diag(blocks))


def _system(name: str):
    def decorate(build):
        def named() -> ritz.LinearSystem:
            operator = build()
            operator, rhs = operator if isinstance(operator, tuple) else (operator, None)
            if rhs is None:
                rhs = np.random.default_rng(1).standard_normal(operator.shape[0])
            return ritz.LinearSystem(operator, rhs, name=name)

        SYSTEMS[name] = named
        return build

    return decorate


@_system("one-by-one")
def _one():
    return np.array([[3.0]])


@_system("identity")
def _identity():
    return np.eye(5)


@_system("poisson-2d")
def _poisson():
    return laplacian(9, 8)


@_system("dense-definite")
def _dense():
    factor = np.random.default_rng(2).standard_normal((12, 30))
    return factor @ factor.T


@_system("contrast-1e6")
def _contrast():
    return sp.diags_array(np.logspace(0, 6, 30)).tocsr()


@_system("indefinite")
def _indefinite():
    return laplacian(7, 6) - 1.3 * sp.eye_array(42)


@_system("saddle-point")
def _saddle_point():
    generator = np.random.default_rng(3)
    constraint = generator.standard_normal((4, 12))
    return np.block([[np.diag(np.arange(1.0, 13.0)), constraint.T], [constraint, np.zeros((4, 4))]])


@_system("convection")
def _convection():
    wind = sp.diags_array([-np.ones(59), np.ones(60)], offsets=[-1, 0])
    return laplacian(10, 6) + 0.5 * wind


@_system("cyclic-shift")
def _cyclic_shift():
    return np.roll(np.eye(8), 1, axis=0)


@_system("rotation")
def _rotation():
    return np.array([[0.0, 1.0], [-1.0, 0.0]])


@_system("periodic")
def _periodic():
    matrix = laplacian(6, 5, periodic=True)
    return matrix, matrix @ np.random.default_rng(4).standard_normal(30)


@_system("three-components")
def _three_components():
    matrix = graph_laplacian(8, 1, 11)  # the second is an isolated vertex: a row of zeros
    return matrix, matrix @ np.random.default_rng(5).standard_normal(20)


@_system("matrix-free")
def _matrix_free():
    matrix = laplacian(30)
    return MatrixFree(lambda x: matrix @ x, matrix.shape, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})


@_system("wrongly-scaled")
def _wrongly_scaled():
    scale = np.logspace(-3, 3, 25)
    matrix = laplacian(25).toarray() + np.eye(25)
    return Dense(1e-9 * scale[:, None] * matrix / scale), None


# Arguments that make problems small whose shape does not, or not alone.
SMALL = {
    "allen-cahn": {"shape": (9, 8), "steps": 6},
    "burgers": {"shape": (30,), "steps": 6},
    "laser-track": {"shape": (9, 8), "steps": 6},
    "lid-driven-cavity": {"shape": (9, 9)},
    "perforated-plate": {"refinements": 0},
}


def small_instance(name: str):
    """Return a registered problem at a size of tens to hundreds of unknowns."""
    build = problems[name]
    if name in SMALL:
        return build(**SMALL[name])
    parameters = signature(build).parameters
    if "shape" not in parameters:
        return build()
    default = parameters["shape"].default
    dimensions = len(default) if isinstance(default, (tuple, list)) else 2
    return build(shape=(9, 8, 7)[:dimensions])


def _buildable(name: str) -> bool:
    """Whether a registered problem needs no argument besides its shape (a file, say)."""
    parameters = signature(problems[name]).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    return required <= {"shape"}


NAMES = [*SYSTEMS, *(name for name in problems.names() if _buildable(name))]


@dataclass(frozen=True)
class Facts:
    """What dense linear algebra knows about a system."""

    matrix: np.ndarray
    easy: bool  # positive (semi)definite and well conditioned, so that every method has to converge


@cache
def system(name: str) -> ritz.LinearSystem:
    """Return a system of this file, or the (first) linear system of a registered problem."""
    if name in SYSTEMS:
        return SYSTEMS[name]()
    problem = small_instance(name)
    return problem.first() if isinstance(problem, ritz.SystemSequence) else problem


@cache
def is_symmetric(name: str) -> bool:
    """Return whether the matrix of ``system(name)`` is symmetric to rounding."""
    matrix = sp.csr_array(system(name).operator.to_sparse())
    return bool(abs(matrix - matrix.T).max() <= 1e-12 * abs(matrix).max())


@cache
def facts(name: str) -> Facts:
    """Return what is true of ``system(name)``."""
    operator = system(name).operator
    matrix = operator.to_dense().astype(float)
    spectrum = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))
    singular = np.linalg.svd(matrix, compute_uv=False)
    dimension = operator.nullspace.count if operator.nullspace is not None else 0
    nonzero = spectrum[dimension:]
    easy = nonzero[0] > 1e-9 * spectrum[-1] and singular[0] < 300.0 * singular[len(singular) - 1 - dimension]
    return Facts(matrix, bool(easy))
