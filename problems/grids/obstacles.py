"""Random obstacles in a box of cells: balls, boxes and thin plates."""

from __future__ import annotations

import numpy as np

from ritz.arguments import check_integer, check_seed

from ..arguments import check_shape

__all__ = ["random_obstacles"]

SHARE = 0.25  # largest share of the box that all obstacles fill together, up to rounding to whole cells
LARGEST = 0.08  # largest share of the box that one obstacle fills
FLUID_SHARE = 0.5  # smallest share of the cells that stay fluid, for any seed
KINDS = ("ball", "box", "plate")


def random_obstacles(
    shape: tuple[int, ...], count: int, seed: int = 0, *, within: tuple[float, float] = (0.1, 0.9)
) -> np.ndarray:
    """Return the mask of cells covered by `count` random obstacles.

    The obstacles alternate between balls (intervals in 1-D, discs in 2-D, spheres in 3-D), boxes, and plates that are
    one or two cells thick. Each covers at most a twelfth of the box, and all together at most a quarter. An obstacle
    that would leave less than half of the cells fluid, as can happen on tiny grids, is dropped. Obstacles may overlap,
    touch the sides, and enclose pockets of fluid. Takes O(n count) time.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.
    count : int
        Number of obstacles.
    seed : int
        Seed of the obstacles.
    within : (float, float)
        Range of the centres along each axis, relative to the box.

    Returns
    -------
    ndarray of bool, shape `shape`
        True in solid cells.

    Examples
    --------
    >>> solid = random_obstacles((32, 32), count=4, seed=1)
    >>> bool(solid.any()), bool(solid.mean() <= 0.5)
    (True, True)
    """
    shape = check_shape(shape)
    count = check_integer("obstacles", count, least=0)
    generator = np.random.default_rng(check_seed(seed))
    h = 1.0 / max(shape)
    lengths = np.array(shape) * h
    centres = np.meshgrid(*((np.arange(n) + 0.5) * h for n in shape), indexing="ij", sparse=True)
    solid = np.zeros(shape, dtype=bool)
    for number in range(count):
        size = (lengths.prod() * min(LARGEST, SHARE / count)) ** (1.0 / len(shape)) * generator.uniform(0.6, 1.0)
        middle = generator.uniform(*within, len(shape)) * lengths
        offsets = [axis - place for axis, place in zip(centres, middle, strict=True)]
        obstacle = _OBSTACLES[KINDS[number % len(KINDS)]](offsets, size, h, generator)
        if np.count_nonzero(solid | obstacle) <= (1 - FLUID_SHARE) * solid.size:
            solid |= obstacle
    return solid


def _ball(offsets: list[np.ndarray], size: float, h: float, generator: np.random.Generator) -> np.ndarray:
    squares = sum((offset**2 for offset in offsets), np.zeros(()))
    return squares <= (0.5 * size) ** 2


def _box(offsets: list[np.ndarray], size: float, h: float, generator: np.random.Generator) -> np.ndarray:
    stretch = np.exp(generator.uniform(-0.4, 0.4, len(offsets)))
    halves = 0.5 * size * stretch / stretch.prod() ** (1.0 / len(offsets))
    return _inside(offsets, halves)


def _plate(offsets: list[np.ndarray], size: float, h: float, generator: np.random.Generator) -> np.ndarray:
    halves = np.full(len(offsets), 0.75 * size)
    halves[generator.integers(len(offsets))] = 0.5 * h * generator.integers(1, 3)
    return _inside(offsets, halves)


def _inside(offsets: list[np.ndarray], halves: np.ndarray) -> np.ndarray:
    inside = np.True_
    for offset, half in zip(offsets, halves, strict=True):
        inside = inside & (np.abs(offset) <= half)
    return np.asarray(inside)


_OBSTACLES = {"ball": _ball, "box": _box, "plate": _plate}
