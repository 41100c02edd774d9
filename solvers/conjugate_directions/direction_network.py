"""The convolutional network of deep conjugate directions, in torch."""

from __future__ import annotations

import torch
from torch.nn import functional

from .convolution import CONVOLUTION

__all__ = ["POOL", "DirectionNetwork", "cropped"]

BLOCKS = {64: (4, 3, 2), 128: (6, 5, 3)}  # layers before pooling, blocks on the coarse grid, blocks after it
POOL = {2: functional.avg_pool2d, 3: functional.avg_pool3d}


class DirectionNetwork(torch.nn.Module):
    """The convolutional network of deep conjugate directions :cite:`Kaneda2023`.

    Convolutions are 3 cells wide along each axis, with zero padding, and one part of the network works on a grid half
    as fine. With 16 channels, the 3-D network has 97 457 parameters for size 64 and 152 881 for size 128.

    Parameters
    ----------
    dimension : {2, 3}
        Dimension of the grid.
    size : {64, 128}
        Cells per axis of the grids the network was published for; it can be applied to any grid.
    channels : int
        Number of feature channels.
    generator : torch.Generator
        Random generator of the initial weights, drawn as by He et al.
    """

    def __init__(self, dimension: int, size: int, channels: int, generator: torch.Generator):
        super().__init__()
        self.dimension = dimension
        before, coarse, after = BLOCKS[size]
        self.first = self._layer(1, channels, generator)
        self.before = self._layers(before, channels, generator)
        self.coarse = self._layers(2 * coarse, channels, generator)
        self.after = self._layers(2 * after, channels, generator)
        self.last = self._layer(channels, 1, generator, width=1)

    def forward(self, residual: torch.Tensor) -> torch.Tensor:
        """Return directions for residuals with a root mean square of one, both of shape ``(batch, 1, *grid)``."""
        features = first = self.first(residual)
        for layer in self.before:
            features = torch.relu(layer(features))
        fine = features + first
        coarse = _blocks(self.coarse, POOL[self.dimension](fine, 2, ceil_mode=True))
        return self.last(_blocks(self.after, fine + cropped(functional.interpolate(coarse, scale_factor=2), fine)))

    @torch.no_grad()
    def begin_small(self) -> None:
        """Scale the initial output down, for a network that corrects a usable direction."""
        for values in self.last.parameters():
            values.mul_(0.02)

    def _layers(self, count: int, channels: int, generator: torch.Generator) -> torch.nn.ModuleList:
        return torch.nn.ModuleList(self._layer(channels, channels, generator) for _ in range(count))

    def _layer(self, given: int, made: int, generator: torch.Generator, width: int = 3) -> torch.nn.Module:
        layer = CONVOLUTION[self.dimension](given, made, width, padding=width // 2)
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        for values in layer.parameters():
            if values.ndim == 1:
                torch.nn.init.zeros_(values)
        return layer


def _blocks(layers: torch.nn.ModuleList, features: torch.Tensor) -> torch.Tensor:
    pairs = iter(layers)
    for first, second in zip(pairs, pairs, strict=True):
        features = features + torch.relu(second(torch.relu(first(features))))
    return features


def cropped(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return `values` cropped to the grid of `like`."""
    return values[(..., *(slice(length) for length in like.shape[2:]))]
