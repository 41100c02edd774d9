"""The Gray-Scott equations of two chemicals that form patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritz.arguments import check_number, check_seed
from ritz.operators import Stencil
from ritz.problem_types.evolution.evolution import Evolution
from ritz.registry import problems

from ..arguments import cell_grid, check_shape

__all__ = ["gray_scott"]

SPOTS, RADIUS = 6, 0.03  # number and radius of the spots from which patterns grow


@problems.register("gray-scott")
def gray_scott(
    shape: tuple[int, ...] = (128, 128),
    *,
    times: Sequence[float] = (0.0, 500.0, 1000.0),
    feed: float = 0.04,
    kill: float = 0.06,
    diffusion: float = 2e-5,
    seed: int = 0,
) -> Evolution:
    r"""Return the Gray-Scott equations :cite:`Pearson1993` on a periodic box.

    .. math::
        \partial_t u = D \Delta u - u v^2 + F (1 - u), \qquad
        \partial_t v = \tfrac12 D \Delta v + u v^2 - (F + k) v

    The longest side of the box is 1. At first u is 1, and v lives in six random spots, which grow, divide and fill the
    box with spots or stripes, as F and k decide.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.
    times : sequence of float
        Initial time, and times at which the state is wanted. Patterns need thousands.
    feed, kill : float
        The rates F and k.
    diffusion : float
        D.
    seed : int
        Seed of the places of the spots.

    Returns
    -------
    Evolution
        With the fields ``"u"`` and ``"v"``.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> trajectory = ritz.solve(ritz.problems.gray_scott((64, 64), times=[0, 100]))
    >>> bool(trajectory["v"].min() > -1e-3)
    True
    """
    shape, seed = check_shape(shape), check_seed(seed)
    feed, kill = check_number("feed", feed, least=0.0), check_number("kill", kill, least=0.0)
    diffusion = check_number("diffusion", diffusion, above=0.0)
    grid, h = cell_grid(shape)
    places = np.random.default_rng(seed).uniform(0.2, 0.8, (SPOTS, len(shape)))
    spots = np.zeros(grid.size)
    for place in places:
        parts = zip(grid.coordinates(), place, shape, strict=True)
        squares = sum((axis - part * n * h) ** 2 for axis, part, n in parts)
        spots = np.maximum(spots, 0.25 * np.exp(-squares / (2 * RADIUS**2)))

    def reaction(t: float, state: np.ndarray) -> np.ndarray:
        u, v = state
        rates = np.empty_like(state)
        np.multiply(v, v, out=rates[1])
        rates[1] *= u
        np.multiply(u, -feed, out=rates[0])
        rates[0] += feed
        rates[0] -= rates[1]
        rates[1] -= (feed + kill) * v
        return rates

    def jacobian(t: float, state: np.ndarray) -> np.ndarray:
        u, v = state
        square, cross = v * v, 2.0 * u * v
        return np.stack([np.stack([-feed - square, -cross]), np.stack([square, cross - (feed + kill)])])

    return Evolution(
        {
            "u": Stencil(shape, spacing=h, coefficient=diffusion, boundary="periodic"),
            "v": Stencil(shape, spacing=h, coefficient=diffusion / 2, boundary="periodic"),
        },
        {"u": 1.0 - 2.0 * spots, "v": spots},
        times,
        reaction=reaction,
        jacobian=jacobian,
        grid=grid,
        name=f"Gray-Scott {len(shape)}-D",
    )
