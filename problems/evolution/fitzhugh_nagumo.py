"""The FitzHugh-Nagumo equations of an excitable medium."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritz.arguments import check_number
from ritz.operators import Stencil
from ritz.operators.sparse import Sparse
from ritz.problem_types.evolution.evolution import Evolution
from ritz.registry import problems

from ..arguments import cell_grid, check_shape

__all__ = ["fitzhugh_nagumo"]


@problems.register("fitzhugh-nagumo")
def fitzhugh_nagumo(
    shape: tuple[int, ...] = (128, 128),
    *,
    times: Sequence[float] = (0.0, 100.0, 200.0),
    diffusion: float = 1e-4,
    threshold: float = 0.1,
    recovery: float = 0.01,
    decay: float = 0.5,
) -> Evolution:
    r"""Return the FitzHugh-Nagumo equations in a box with closed walls.

    .. math::
        \partial_t u = D \Delta u + u (1 - u)(u - a) - w, \qquad \partial_t w = \varepsilon (u - b w)

    The excitation u travels as a pulse, behind which the medium recovers as w decays :cite:`FitzHugh1961`. The initial
    state is a cut wave, which curls up into a spiral in two dimensions. The longest side of the box is 1. With a small
    ε the reaction is stiff, for which ``method="sdirk"`` is meant.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.
    times : sequence of float
        Initial time, and times at which the state is wanted.
    diffusion : float
        D.
    threshold, recovery, decay : float
        a, ε and b.

    Returns
    -------
    Evolution
        With the fields ``"u"`` and ``"w"``; w does not diffuse.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> trajectory = ritz.solve(ritz.problems.fitzhugh_nagumo((64,), times=[0, 20]), rtol=1e-3)
    >>> trajectory.fields
    ('u', 'w')
    """
    shape = check_shape(shape)
    diffusion, a = check_number("diffusion", diffusion, above=0.0), check_number("threshold", threshold)
    eps, b = check_number("recovery", recovery, above=0.0), check_number("decay", decay, least=0.0)
    grid, h = cell_grid(shape)
    places = grid.coordinates()
    start_u = np.where(places[0] < 0.5 * shape[0] * h, 1.0, 0.0)
    start_w = np.zeros(grid.size)
    if len(shape) > 1:  # the upper half has not recovered yet, so the wave turns around its end
        start_w = np.where(places[1] > 0.5 * shape[1] * h, 0.1, 0.0)
    else:
        start_u = np.where(places[0] < 0.1, 1.0, 0.0)

    def reaction(t: float, state: np.ndarray) -> np.ndarray:
        u, w = state
        return np.stack([u * (1.0 - u) * (u - a) - w, eps * u])

    def jacobian(t: float, state: np.ndarray) -> np.ndarray:
        u = state[0]
        one = np.ones_like(u)
        return np.stack([np.stack([2.0 * (1.0 + a) * u - 3.0 * u * u - a, -one]), np.stack([eps * one, 0.0 * one])])

    return Evolution(
        {"u": Stencil(shape, spacing=h, coefficient=diffusion, boundary="neumann"), "w": _decay(grid.size, eps * b)},
        {"u": start_u, "w": start_w},
        times,
        reaction=reaction,
        jacobian=jacobian,
        grid=grid,
        name=f"FitzHugh-Nagumo {len(shape)}-D",
    )


def _decay(size: int, rate: float) -> Sparse:
    from scipy.sparse import diags_array

    return Sparse(diags_array(np.full(size, rate)).tocsr())
