"""Application of one network on every scale of a grid, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from ritz.operators import Stencil
from ritz.operators.stencils.kernels.tensor import multiply

from .direction_network import POOL, DirectionNetwork, cropped

__all__ = ["Scale", "direction", "scales_of"]

LINEAR: dict[int, Any] = {2: "bilinear", 3: "trilinear"}


class Scale(NamedTuple):
    """The operator on one grid, in units of the grid's spacing.

    Parameters
    ----------
    diagonal : tensor, shape ``(*grid, 1)``
    couplings : list of tensor, shape ``(*grid, 1)``
        Couplings of each cell to the next along each axis.
    fluid : tensor, shape ``grid``
        One in cells with an unknown, zero in all others.
    """

    diagonal: torch.Tensor
    couplings: list[torch.Tensor]
    fluid: torch.Tensor

    def to(self, like: torch.Tensor) -> Scale:
        """Return the scale on the device of another tensor."""
        couplings = [values.to(like.device) for values in self.couplings]
        return Scale(self.diagonal.to(like.device), couplings, self.fluid.to(like.device))

    def product(self, field: torch.Tensor) -> torch.Tensor:
        """Return A u for fields of shape ``(batch, 1, *grid)``."""
        last = field[:, 0].movedim(0, -1)
        return multiply(last, self.diagonal, self.couplings, [False] * len(self.couplings)).movedim(-1, 0)[:, None]


def direction(
    network: DirectionNetwork, scales: Sequence[Scale], residual: torch.Tensor, normalized: bool = True
) -> torch.Tensor:
    """Return directions for residuals, both of shape ``(batch, 1, *grid)``, in units of the grid's spacing.

    On each grid the direction is the sum of two parts: the direction of the next coarser grid for the averaged
    residual, interpolated, and the network's output for the remaining residual. The input of the network is scaled to
    a root mean square of one, which makes its task the same on every grid, and directions scale with residuals.

    Parameters
    ----------
    network : DirectionNetwork
    scales : sequence of Scale
        Scales from fine to coarse; with a single one, the network is applied once, as published.
    residual : tensor
    normalized : bool
        Whether residuals are scaled.
    """
    finest, *coarser = scales
    if not coarser:
        return finest.fluid * _answer(network, residual, normalized, len(scales) > 1)
    return _descend(network, scales, residual)


def _descend(network: DirectionNetwork, scales: Sequence[Scale], residual: torch.Tensor) -> torch.Tensor:
    scale, *coarser = scales
    correction = torch.zeros_like(residual)
    if coarser:
        coarse = 4.0 * _descend(network, coarser, POOL[network.dimension](_even(residual), 2))
        fine = functional.interpolate(coarse, scale_factor=2, mode=LINEAR[network.dimension])
        correction = scale.fluid * cropped(fine, residual)
        residual = residual - scale.product(correction)
    return correction + scale.fluid * _answer(network, residual, True, True)


def _answer(network: DirectionNetwork, residual: torch.Tensor, normalized: bool, damped: bool) -> torch.Tensor:
    """Return the network's output, with a Jacobi step added if `damped`: the starting point of training on scales."""
    if not normalized:
        return network(residual)
    axes = tuple(range(1, residual.ndim))
    size = residual.square().mean(axes, keepdim=True).sqrt().clamp_min(torch.finfo(residual.dtype).tiny)
    unit = residual / size
    answer = network(unit)
    return size * (answer + unit / (2 * network.dimension) if damped else answer)


def scales_of(operator: Stencil, smallest: int) -> list[Scale]:
    """Return the operator on its grid and on coarser ones, halved while every axis has at least ``2 smallest`` cells.

    Couplings on a coarser grid are the means of those across the same face. No-flux obstacles have no couplings;
    obstacles with u = 0 are left out of the operator, and directions vanish inside them.

    Parameters
    ----------
    operator : Stencil
        Stencil with a constant coefficient and without shift or periodic sides.
    smallest : int
    """
    fluid = np.ones(operator.grid_shape) if operator.solid is None else 1.0 - operator.solid
    open_operator = operator
    if operator.solid is not None and operator.solid_boundary == "dirichlet":
        options: Any = {name: getattr(operator, name) for name in ("spacing", "boundary", "centering")}
        open_operator = Stencil(operator.grid_shape, **options)
    unit = max(float(along.max()) for along in open_operator.couplings)
    couplings = [_tensor(along / unit) for along in open_operator.couplings]
    walls = _tensor(open_operator.diagonal().reshape(operator.grid_shape) / unit) - _sums(couplings)
    if open_operator.solid is not None:
        walls = walls * _tensor(fluid)
    return _coarsened(couplings, walls, _tensor(fluid), smallest)


def _coarsened(couplings: list[torch.Tensor], walls: torch.Tensor, fluid: torch.Tensor, smallest: int) -> list[Scale]:
    found: list[Scale] = []
    while True:
        diagonal = walls + _sums(couplings)
        found.append(Scale(diagonal[..., None], [along[..., None] for along in couplings], (fluid >= 0.5).float()))
        if min(fluid.shape) < 2 * smallest:
            return found
        couplings = [_mean_faces(along, axis) for axis, along in enumerate(couplings)]
        walls, fluid = 2.0 * _mean(walls), _mean(fluid)


def _mean(cells: torch.Tensor) -> torch.Tensor:
    return POOL[cells.ndim](_even(cells[None, None]), 2)[0, 0]


def _mean_faces(along: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the mean coupling across each face of the coarser cells."""
    width = [1 if other == axis else 2 for other in range(along.ndim)]
    even = _even(along[None, None])
    crossing = even.index_select(axis + 2, torch.arange(1, even.shape[axis + 2], 2))
    return POOL[along.ndim](crossing, width)[0, 0]


def _sums(couplings: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([along + torch.roll(along, 1, axis) for axis, along in enumerate(couplings)]).sum(dim=0)


def _even(values: torch.Tensor) -> torch.Tensor:
    """Return `values` padded with zeros to an even number of cells along every axis."""
    padding = [pad for length in reversed(values.shape[2:]) for pad in (0, length % 2)]
    return functional.pad(values, padding)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)
