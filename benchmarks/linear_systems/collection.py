"""Systems of every origin on which `auto` is held against all other solvers.

Two thirds are for fitting, the rest is held back: `HELD_BACK` was drawn at random before anything was fitted. Matrices
from collections are read from the folder named by the environment variable ``RITZ_MATRICES``, as ``.npz`` files of
SciPy or ``.mtx`` files; without it, their systems are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from ritz import problems
from ritz.operators import Stencil
from ritz.problem_types.linear_system import LinearSystem

from .cases import as_matrix
from .finite_elements import FINITE_ELEMENTS

__all__ = ["COLLECTED", "HELD_BACK", "SYSTEMS", "draw"]

COLLECTED = (
    "10teams",
    "GD98_a",
    "Ragusa16",
    "adder_dcop_05",
    "arrow",
    "bayer10",
    "bcspwr05",
    "bcspwr08",
    "bcsstk13",
    "can___24",
    "cryg2500",
    "dwt_992",
    "gr_30_30",
    "hangGlider_2",
    "impcol_a",
    "jagmesh7",
    "mhd1280b",
    "nnc1374",
    "olm1000",
    "pts5ldd03",
    "pushpull",
    "qc324",
    "rajat01",
    "temp",
    "watt_2",
    "west0067",
    "west0479",
    "young1c",
    "zenios",
)
"""Matrices from collections, which `auto` knew nothing of when its rules were made."""


def system_of(matrix: Any, seed: int = 0) -> LinearSystem:
    """Return a consistent system whose solution is random."""
    matrix = sp.csr_array(matrix)
    x = np.random.default_rng(seed).standard_normal(matrix.shape[0])
    return LinearSystem(matrix, matrix @ x)


def _collected(name: str) -> LinearSystem | None:
    folder = os.environ.get("RITZ_MATRICES")
    if folder is None:
        return None
    path = Path(folder) / f"{name}.npz"
    if path.exists():
        return system_of(sp.load_npz(path))
    from scipy.io import mmread

    path = path.with_suffix(".mtx")
    return system_of(mmread(path)) if path.exists() else None


def random_matrix(n: int, entries: int, diagonal: float, seed: int, *, symmetric: bool = False) -> Any:
    """Return a random sparse matrix; `diagonal` is relative to the sum of magnitudes of the rest of the row."""
    generator = np.random.default_rng(seed)
    rows, columns = np.repeat(np.arange(n), entries), generator.integers(0, n, n * entries)
    matrix = sp.csr_array((generator.standard_normal(n * entries), (rows, columns)), shape=(n, n))
    matrix = matrix + matrix.T if symmetric else matrix
    return matrix + _bands(diagonal * abs(matrix).sum(axis=1) + 1e-3)


def _bands(*entries: Any, **options: Any) -> Any:
    make: Any = sp.diags_array  # its type knows of one diagonal only
    return make(*entries, **options)


def circuit(n: int, rails: int, seed: int) -> Any:
    """Return modified nodal equations: resistors over eight decades, transistors, voltage sources and a few rails."""
    generator = np.random.default_rng(seed)
    near = np.arange(n) + generator.geometric(0.05, n)
    rail = generator.integers(0, rails, n // 3)
    starts = np.r_[np.arange(n), generator.integers(0, n, n // 3)]
    ends = np.r_[np.minimum(near, n - 1), rail]
    kept = starts != ends
    starts, ends = starts[kept], ends[kept]
    conductances = 10.0 ** generator.uniform(-6, 2, starts.size)
    pairs = sp.csr_array((conductances, (starts, ends)), shape=(n, n))
    pairs = pairs + pairs.T
    matrix = _bands(pairs.sum(axis=1) + 1e-9) - pairs
    gates = generator.integers(0, n, (3, n // 10))
    matrix = matrix + sp.csr_array((10.0 ** generator.uniform(-4, -1, n // 10), (gates[0], gates[1])), shape=(n, n))
    sources = generator.choice(n, n // 50, replace=False)
    border = sp.csr_array((np.ones(sources.size), (sources, np.arange(sources.size))), shape=(n, sources.size))
    return sp.csr_array(sp.block_array([[matrix, border], [border.T, None]]))


def small_world(n: int, links: int, seed: int, shift: float = 0.0) -> Any:
    """Return the shifted Laplacian of a ring with random shortcuts."""
    generator = np.random.default_rng(seed)
    rows = np.concatenate([np.arange(n)] * links + [generator.integers(0, n, n // 10)])
    columns = np.concatenate(
        [(np.arange(n) + k) % n for k in range(1, links + 1)] + [generator.integers(0, n, n // 10)]
    )
    kept = rows != columns
    pairs = sp.csr_array((np.ones(kept.sum()), (rows[kept], columns[kept])), shape=(n, n))
    pairs = pairs + pairs.T
    return sp.csr_array(_bands(pairs.sum(axis=1) + shift) - pairs)


def preferential(n: int, links: int, seed: int, shift: float = 0.0) -> Any:
    """Return the shifted Laplacian of a graph with hubs."""
    generator = np.random.default_rng(seed)
    ends = (np.arange(1, n)[:, None] * generator.random((n - 1, links)) ** 2).astype(np.int64)
    rows = np.repeat(np.arange(1, n), links)
    pairs = sp.csr_array((np.ones(rows.size), (rows, ends.ravel())), shape=(n, n))
    pairs = pairs + pairs.T
    return sp.csr_array(_bands(pairs.sum(axis=1) + shift) - pairs)


def google(n: int, links: int, damping: float, seed: int) -> Any:
    """Return the equations of PageRank."""
    pairs = abs(preferential(n, links, seed))
    pairs.setdiag(0.0)
    pairs.eliminate_zeros()
    pairs = sp.csr_array(sp.triu(pairs) + random_matrix(n, 2, 0.0, seed).astype(bool).astype(float))
    return sp.csr_array(sp.eye_array(n) - damping * (_bands(1.0 / pairs.sum(axis=1)) @ pairs).T)


def damped_helmholtz(side: int, wave: float, damping: float) -> Any:
    """Return the real form of (-Laplace - wave^2 + i damping wave) u = f."""
    stiffness = as_matrix(problems.poisson((side, side))).operator.to_sparse() - wave**2 * sp.eye_array(side**2)
    loss = damping * wave * sp.eye_array(side**2)
    return sp.csr_array(sp.block_array([[stiffness, -loss], [loss, stiffness]]))


def optimisation(n: int, constraints: int, seed: int) -> Any:
    """Return the equations of a step of an interior-point method: weights over ten decades, and constraints."""
    generator = np.random.default_rng(seed)
    rows = np.repeat(np.arange(constraints), 5)
    jacobian = sp.csr_array(
        (generator.standard_normal(rows.size), (rows, generator.integers(0, n, rows.size))), shape=(constraints, n)
    )
    weights = _bands(10.0 ** generator.uniform(-5, 5, n))
    return sp.csr_array(sp.block_array([[weights, jacobian.T], [jacobian, -1e-8 * sp.eye_array(constraints)]]))


def normal_equations(n: int, seed: int) -> Any:
    """Return AᵀA + a little of a random sparse A."""
    factor = random_matrix(n, 3, 0.3, seed)
    return sp.csr_array(factor.T @ factor + 1e-4 * sp.eye_array(n))


def chain(n: int, rates: float) -> Any:
    """Return implicit Euler steps of a stiff chain of reactions with feedback."""
    speed = np.logspace(0, rates, n)
    matrix: Any = _bands([1.0 + speed, -0.9 * speed[:-1], -0.1 * speed[:-1]], offsets=[0, -1, 1]).tolil()
    matrix[0, :: max(n // 40, 1)] = -0.01
    matrix[:: max(n // 40, 1), 0] = -0.5
    matrix[0, 0] = 2.0
    return sp.csr_array(matrix)


def biharmonic(side: int) -> Any:
    """Return the square of the discrete Laplacian."""
    matrix = as_matrix(problems.poisson((side, side))).operator.to_sparse()
    return sp.csr_array(matrix @ matrix)


def mixed_grid(side: int) -> Any:
    """Return -div grad as a system of fluxes and pressures on a grid."""
    line = _bands([np.ones(side), -np.ones(side)], offsets=[0, -1], shape=(side + 1, side))
    eye = sp.eye_array(side)
    gradient: Any = sp.vstack([sp.kron(line, eye), sp.kron(eye, line)])
    return sp.csr_array(sp.block_array([[sp.eye_array(gradient.shape[0]), gradient], [gradient.T, None]]))


def block_diffusion(side: int, species: int, coupling: float) -> Any:
    """Return diffusing species that react with each other, interleaved."""
    generator = np.random.default_rng(species)
    matrix = as_matrix(problems.poisson((side, side))).operator.to_sparse()
    reaction = coupling * generator.random((species, species))
    return sp.csr_array(sp.kron(matrix, np.eye(species)) + sp.kron(sp.eye_array(side**2), reaction) * side)


def upwind_space(side: int, peclet: float) -> Any:
    """Return convection-diffusion in a box with a rotating wind, by upwind differences."""
    h = 1.0 / side
    at = (np.arange(side) + 0.5) * h - 0.5
    x, y, z = (c.ravel() for c in np.meshgrid(at, at, at, indexing="ij"))
    line = _bands([-np.ones(side - 1), 2 * np.ones(side), -np.ones(side - 1)], offsets=[-1, 0, 1])
    eye = sp.eye_array(side)
    matrix = sp.csr_array(sp.kron(sp.kron(line, eye), eye) + sp.kron(sp.kron(eye, line), eye))
    matrix = (matrix + sp.kron(sp.kron(eye, eye), line)) / h**2
    back = _bands([np.ones(side), -np.ones(side - 1)], offsets=[0, -1])
    for axis, wind in enumerate((y, -x, 0.3 + 0 * z)):
        parts = [eye, eye, eye]
        parts[axis] = back
        upstream = sp.kron(sp.kron(*parts[:2]), parts[2])
        parts[axis] = -back.T
        downstream = sp.kron(sp.kron(*parts[:2]), parts[2])
        matrix = matrix + peclet / h * (
            _bands(np.maximum(wind, 0)) @ upstream + _bands(np.minimum(wind, 0)) @ downstream
        )
    return sp.csr_array(matrix)


def lattice_gauge(side: int, mass: float, seed: int) -> Any:
    """Return a complex Hermitian Laplacian with random phases on a periodic grid."""
    generator = np.random.default_rng(seed)
    n = side * side
    number = np.arange(n).reshape(side, side)
    rows = np.r_[number.ravel(), number.ravel()]
    columns = np.r_[np.roll(number, -1, 0).ravel(), np.roll(number, -1, 1).ravel()]
    hops = sp.csr_array((np.exp(1j * generator.normal(0, 0.4, 2 * n)), (rows, columns)), shape=(n, n))
    return sp.csr_array((4.0 + mass) * sp.eye_array(n) - hops - hops.conj().T)


def absorbing_helmholtz(side: int, wave: float) -> Any:
    """Return a complex symmetric Helmholtz matrix with first-order absorbing sides."""
    h = 1.0 / (side - 1)
    line = _bands([-np.ones(side - 1), 2 * np.ones(side), -np.ones(side - 1)], offsets=[-1, 0, 1]).tolil()
    line = line.astype(complex)
    line[0, 0] = line[-1, -1] = 1.0 - 1j * wave * h
    half = np.ones(side)
    half[[0, -1]] = 0.5
    weight = _bands(half)
    matrix = sp.kron(line, weight) + sp.kron(weight, line) - (wave * h) ** 2 * sp.kron(weight, weight)
    return sp.csr_array(matrix)


def gallery_stencil(shape: tuple[int, int], epsilon: float, theta: float, kind: str) -> Any:
    """Return PyAMG's rotated anisotropic diffusion."""
    from pyamg.gallery import diffusion_stencil_2d, stencil_grid

    return stencil_grid(diffusion_stencil_2d(epsilon=epsilon, theta=theta, type=kind), shape, format="csr")


def gallery_example(name: str) -> Any:
    """Return a matrix that comes with PyAMG."""
    from pyamg.gallery import load_example

    return load_example(name)["A"]


def gallery_elasticity(shape: tuple[int, int]) -> Any:
    """Return PyAMG's linear elasticity of a plate, fixed on all sides."""
    from pyamg.gallery import linear_elasticity

    return linear_elasticity(shape)[0]


def _own() -> Iterator[tuple[str, Callable[[], LinearSystem]]]:
    """Yield the problems of this package, on grids and as plain matrices."""
    poisson, diffusion = problems.poisson, problems.diffusion
    for shape in ((40, 40), (110, 110), (230, 230), (22, 22, 22)):
        label = "x".join(map(str, shape))
        yield f"grid/poisson-{label}", lambda s=shape: poisson(s)
        yield f"grid/obstacles-{label}", lambda s=shape: poisson(s, obstacles=5)
        yield f"grid/inclusions-{label}", lambda s=shape: diffusion(s, contrast=1e6)
        yield f"matrix/obstacles-{label}", lambda s=shape: as_matrix(poisson(s, obstacles=5))
        yield f"matrix/inclusions-{label}", lambda s=shape: as_matrix(diffusion(s, contrast=1e4))
    for shape in ((60, 60), (160, 160)):
        label = "x".join(map(str, shape))
        yield f"grid/lognormal-{label}", lambda s=shape: diffusion(s, coefficient="lognormal")
        yield f"matrix/lognormal-{label}", lambda s=shape: as_matrix(diffusion(s, coefficient="lognormal"))
        yield f"matrix/rotated-{label}", lambda s=shape: as_matrix(diffusion(s, coefficient="rotated"))
        yield f"grid/neumann-{label}", lambda s=shape: poisson(s, obstacles=3, boundary="neumann")
        yield f"matrix/neumann-{label}", lambda s=shape: as_matrix(poisson(s, boundary="neumann"))
        yield f"matrix/helmholtz-{label}", lambda s=shape: as_matrix(problems.helmholtz(s, shift=-400.0))
        yield f"matrix/shifted-{label}", lambda s=shape: as_matrix(problems.helmholtz(s, shift=3e4))
        for peclet in (1.0, 100.0, 1e4):
            yield (
                f"matrix/convection-{peclet:g}-{label}",
                lambda s=shape, p=peclet: as_matrix(problems.advection_diffusion(s, peclet=p)),
            )
    yield "grid/patchwork-200x200", lambda: LinearSystem(_patchwork(200, 1e-3), np.ones(40_000))
    yield "grid/patchwork-90x90", lambda: LinearSystem(_patchwork(90, 1e-4), np.ones(8100))


def _patchwork(n: int, ratio: float) -> Stencil:
    """Return diffusion along one axis in one half and along the other in the other half."""
    conductivity = np.ones((2, n, n))
    conductivity[0, :, : n // 2] = conductivity[1, :, n // 2 :] = ratio
    couplings, walls = [], np.zeros((n, n))
    for axis, along in enumerate(conductivity):
        faces = np.minimum(along, np.roll(along, -1, axis))
        np.moveaxis(faces, axis, 0)[-1] = 0.0
        couplings.append(faces)
        np.moveaxis(walls, axis, 0)[[0, -1]] += 2.0 * np.moveaxis(along, axis, 0)[[0, -1]]
    return Stencil.from_couplings(couplings, walls)


MATRICES: dict[str, Callable[[], Any]] = {
    "gallery/airfoil": lambda: gallery_example("airfoil"),
    "gallery/bar": lambda: gallery_example("bar"),
    "gallery/recirc_flow": lambda: gallery_example("recirc_flow"),
    "gallery/unit_square": lambda: gallery_example("unit_square"),
    "gallery/knot": lambda: gallery_example("knot"),
    "gallery/local_disc_galerkin_diffusion": lambda: gallery_example("local_disc_galerkin_diffusion"),
    "gallery/helmholtz_2D": lambda: gallery_example("helmholtz_2D"),
    "gallery/unit_cube": lambda: gallery_example("unit_cube"),
    "gallery/anisotropic-FE-100": lambda: gallery_stencil((100, 100), 1e-3, np.pi / 6, "FE"),
    "gallery/anisotropic-FD-100": lambda: gallery_stencil((100, 100), 1e-2, np.pi / 8, "FD"),
    "gallery/anisotropic-FE-170": lambda: gallery_stencil((170, 170), 1e-1, np.pi / 4, "FE"),
    "gallery/elasticity-40": lambda: gallery_elasticity((40, 40)),
    "gallery/elasticity-90": lambda: gallery_elasticity((90, 90)),
    "random/dominant-2000": lambda: random_matrix(2000, 4, 1.05, 1),
    "random/dominant-20000": lambda: random_matrix(20_000, 4, 1.2, 2),
    "random/weak-1500": lambda: random_matrix(1500, 4, 0.6, 3),
    "random/weak-4000": lambda: random_matrix(4000, 3, 0.5, 4),
    "random/none-700": lambda: random_matrix(700, 5, 0.1, 5),
    "random/none-1500": lambda: random_matrix(1500, 3, 0.0, 6),
    "random/symmetric-1500": lambda: random_matrix(1500, 2, 0.4, 7, symmetric=True),
    "random/symmetric-20000": lambda: random_matrix(20_000, 3, 1.1, 8, symmetric=True),
    "random/symmetric-indefinite-1000": lambda: random_matrix(1000, 3, 0.0, 9, symmetric=True),
    "random/normal-2000": lambda: normal_equations(2000, 10),
    "random/normal-800": lambda: normal_equations(800, 11),
    "circuit/400": lambda: circuit(400, 2, 1),
    "circuit/3000": lambda: circuit(3000, 3, 2),
    "circuit/12000": lambda: circuit(12_000, 4, 3),
    "circuit/30000": lambda: circuit(30_000, 2, 4),
    "graph/small-world-3000": lambda: small_world(3000, 2, 1),
    "graph/small-world-12000": lambda: small_world(12_000, 2, 2, 0.01),
    "graph/small-world-30000": lambda: small_world(30_000, 1, 3, 1e-4),
    "graph/hubs-2000": lambda: preferential(2000, 2, 1),
    "graph/hubs-20000": lambda: preferential(20_000, 3, 2, 0.1),
    "graph/tree-20000": lambda: preferential(20_000, 1, 3, 1e-3),
    "graph/google-3000": lambda: google(3000, 3, 0.85, 1),
    "graph/google-20000": lambda: google(20_000, 3, 0.95, 2),
    "equations/damped-helmholtz-40": lambda: damped_helmholtz(40, 25.0, 1.0),
    "equations/damped-helmholtz-90": lambda: damped_helmholtz(90, 40.0, 2.0),
    "equations/interior-point-1500": lambda: optimisation(1500, 400, 1),
    "equations/interior-point-6000": lambda: optimisation(6000, 2000, 2),
    "equations/chain-500": lambda: chain(500, 4),
    "equations/chain-20000": lambda: chain(20_000, 6),
    "equations/biharmonic-40": lambda: biharmonic(40),
    "equations/biharmonic-100": lambda: biharmonic(100),
    "equations/mixed-30": lambda: mixed_grid(30),
    "equations/mixed-80": lambda: mixed_grid(80),
    "equations/species-3-30": lambda: block_diffusion(30, 3, 20.0),
    "equations/species-2-90": lambda: block_diffusion(90, 2, 50.0),
    "equations/species-6-40": lambda: block_diffusion(40, 6, 5.0),
    "equations/upwind-14": lambda: upwind_space(14, 50.0),
    "equations/upwind-26": lambda: upwind_space(26, 200.0),
    "equations/upwind-20": lambda: upwind_space(20, 5e3),
    "complex/gauge-30": lambda: lattice_gauge(30, 0.3, 1),
    "complex/gauge-90": lambda: lattice_gauge(90, 0.05, 2),
    "complex/helmholtz-40": lambda: absorbing_helmholtz(40, 20.0),
    "complex/helmholtz-110": lambda: absorbing_helmholtz(110, 40.0),
    "tiny/dense-pattern-10": lambda: random_matrix(10, 9, 0.5, 1),
    "tiny/laplacian-10": lambda: small_world(10, 1, 1, 0.5),
    "tiny/circuit-50": lambda: circuit(50, 2, 5),
    "tiny/random-200": lambda: random_matrix(200, 4, 0.3, 2),
    "tiny/symmetric-120": lambda: random_matrix(120, 3, 1.5, 3, symmetric=True),
}

HELD_BACK = (
    "circuit/12000",
    "collected/10teams",
    "collected/adder_dcop_05",
    "collected/bayer10",
    "collected/bcspwr05",
    "collected/can___24",
    "collected/cryg2500",
    "collected/dwt_992",
    "collected/olm1000",
    "collected/pushpull",
    "collected/qc324",
    "collected/west0479",
    "collected/young1c",
    "complex/gauge-30",
    "complex/gauge-90",
    "equations/biharmonic-40",
    "equations/interior-point-1500",
    "equations/interior-point-6000",
    "equations/upwind-20",
    "equations/upwind-26",
    "fem/elasticity-P1",
    "fem/elasticity-P2",
    "fem/elasticity-free-plane",
    "fem/helmholtz-P1",
    "fem/layered-P2",
    "fem/mass-tets",
    "fem/maxwell",
    "fem/maxwell-singular",
    "fem/mixed-RT0-tets",
    "fem/poisson-P2-5",
    "fem/poisson-P4",
    "fem/poisson-Q2",
    "fem/poisson-bricks",
    "fem/poisson-tets-P2",
    "gallery/anisotropic-FE-100",
    "gallery/anisotropic-FE-170",
    "gallery/elasticity-90",
    "gallery/knot",
    "gallery/unit_square",
    "graph/tree-20000",
    "grid/inclusions-110x110",
    "grid/inclusions-230x230",
    "grid/inclusions-40x40",
    "grid/lognormal-160x160",
    "grid/lognormal-60x60",
    "grid/neumann-160x160",
    "grid/neumann-60x60",
    "grid/patchwork-90x90",
    "matrix/convection-10000-160x160",
    "matrix/inclusions-22x22x22",
    "matrix/inclusions-230x230",
    "matrix/lognormal-60x60",
    "matrix/obstacles-22x22x22",
    "matrix/shifted-60x60",
    "random/dominant-2000",
    "random/weak-4000",
    "tiny/circuit-50",
    "tiny/dense-pattern-10",
    "tiny/random-200",
)
"""A third of the systems, drawn by `draw` before anything was fitted, and used for nothing but the final figures."""

SYSTEMS: dict[str, Callable[[], LinearSystem | None]] = {
    **dict(_own()),
    **{name: lambda make=make: system_of(make()) for name, make in {**MATRICES, **FINITE_ELEMENTS}.items()},
    **{f"collected/{name}": lambda name=name: _collected(name) for name in COLLECTED},
}
"""Functions that build each system, by name; they return None if its matrix is not at hand."""


def draw(seed: int = 20) -> list[str]:
    """Return a third of the names, drawn at random; how `HELD_BACK` came about."""
    names = sorted(SYSTEMS)
    chosen = np.random.default_rng(seed).choice(len(names), len(names) // 3, replace=False)
    return [names[number] for number in sorted(chosen)]
