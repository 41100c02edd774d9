"""A spectral neural operator that maps residuals to search directions, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .convolution import CONVOLUTION

__all__ = ["SpectralNetwork"]

LAYERS = 3


class SpectralNetwork(torch.nn.Module):
    """Residual layers of weighted sine modes and convolutions :cite:`RudikovEtAl2024`.

    Each layer computes the sum of a convolution, 3 cells wide along each axis, and of the sine modes of its features,
    weighted per mode and channel, and adds the activation of this sum to the features. A last set of weights maps the
    modes to those of the output, divided by the eigenvalues of the Laplacian of a box. A Jacobi step is added. Modes
    belong to the box and not to its cells, and the weights therefore fit grids of any size. The cost is O(n m) for n
    cells and m modes per axis.

    Parameters
    ----------
    dimension : {2, 3}
        Dimension of the grid.
    modes : int
        Number of modes per axis, counted from the lowest.
    channels : int
        Number of feature channels.
    generator : torch.Generator
        Random generator of the initial weights.
    """

    def __init__(self, dimension: int, modes: int, channels: int, generator: torch.Generator):
        super().__init__()
        self.dimension, self.modes = dimension, modes
        self.first = self._convolution(1, channels, generator)
        self.convolutions = torch.nn.ModuleList(self._convolution(channels, channels, generator) for _ in range(LAYERS))
        self.gains = torch.nn.ParameterList(self._drawn(channels, 0.1, generator) for _ in range(LAYERS))
        self.reading = self._drawn(channels, 0.1 / channels**0.5, generator)
        self.last = self._convolution(channels, 1, generator, width=1)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def forward(self, residual: torch.Tensor) -> torch.Tensor:
        """Return directions for residuals with a root mean square of one, both of shape ``(batch, 1, *grid)``."""
        sines = [_sines(cells, self.modes).to(residual) for cells in residual.shape[2:]]
        features = self.first(residual)
        for convolution, gains in zip(self.convolutions, self.gains, strict=True):
            weighted = _transformed(_transformed(features, sines) * self._on_grid(gains, sines), _transposed(sines))
            features = features + functional.gelu(weighted + convolution(features))
        spectrum = (_transformed(features, sines) * self._on_grid(self.reading, sines)).sum(1, keepdim=True)
        answer = _transformed(spectrum / _eigenvalues(sines), _transposed(sines))
        return self.last(features) + answer + residual / (2 * self.dimension)

    def _on_grid(self, gains: torch.Tensor, sines: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the gains of the modes that the grid can represent, one array per channel."""
        each = gains.reshape(-1, *(self.modes,) * self.dimension)
        return each[(slice(None), *(slice(axis.shape[1]) for axis in sines))]

    def _drawn(self, channels: int, scale: float, generator: torch.Generator) -> torch.nn.Parameter:
        return torch.nn.Parameter(scale * torch.randn(channels, self.modes**self.dimension, generator=generator))

    def _convolution(self, given: int, made: int, generator: torch.Generator, width: int = 3) -> Any:
        layer = CONVOLUTION[self.dimension](given, made, width, padding=width // 2)
        torch.nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
        torch.nn.init.zeros_(layer.bias)
        return layer


def _sines(cells: int, modes: int) -> torch.Tensor:
    """Return the lowest sine modes as columns, each of norm one except the highest mode of the grid."""
    points, numbers = (torch.arange(cells) + 0.5) / cells, torch.arange(1, min(modes, cells) + 1)
    return (2.0 / cells) ** 0.5 * torch.sin(np.pi * points[:, None] * numbers)


def _eigenvalues(sines: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the eigenvalues of the modes, in units of the grid's spacing."""
    squares = [(np.pi * torch.arange(1, axis.shape[1] + 1).to(axis) / axis.shape[0]) ** 2 for axis in sines]
    return torch.stack(torch.meshgrid(*squares, indexing="ij")).sum(dim=0)


def _transformed(features: torch.Tensor, matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return features of shape ``(batch, channels, *grid)``, multiplied by a matrix along each axis of the grid."""
    for matrix in matrices:
        features = features.movedim(2, -1) @ matrix
    return features


def _transposed(matrices: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [matrix.T for matrix in matrices]
