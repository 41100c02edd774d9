"""A spectral neural operator that turns a residual into a search direction, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .direction_network import CONVOLUTION

__all__ = ["SpectralNetwork"]

LAYERS = 3


class SpectralNetwork(torch.nn.Module):
    """Layers that weigh sine modes, and convolutions for what is finer :cite:`RudikovEtAl2024`.

    Each layer adds to its features what an activation makes of the sum of a convolution of 3 cells along each axis and
    of the modes, each weighed by a number of its own in every channel. A last set of weights reads off the modes of the
    answer, divided by the eigenvalues of the Laplacian of a box, besides a step of Jacobi. Modes belong to the box and
    not to its cells, so that the weights are for grids of every size. O(n m) for n cells and m modes along an axis.

    Parameters
    ----------
    dimension : {2, 3}
    modes : int
        Along each axis, the lowest ones.
    channels : int
    generator : torch.Generator
        For the first weights.
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
        """Return directions for residuals of root mean square one, both of shape ``(batch, 1, *grid)``."""
        sines = [_sines(cells, self.modes).to(residual) for cells in residual.shape[2:]]
        features = self.first(residual)
        for convolution, gains in zip(self.convolutions, self.gains, strict=True):
            weighed = _transformed(_transformed(features, sines) * self._of_modes(gains, sines), _turned(sines))
            features = features + functional.gelu(weighed + convolution(features))
        spectrum = (_transformed(features, sines) * self._of_modes(self.reading, sines)).sum(1, keepdim=True)
        answer = _transformed(spectrum / _eigenvalues(sines), _turned(sines))
        return self.last(features) + answer + residual / (2 * self.dimension)

    def _of_modes(self, gains: torch.Tensor, sines: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the gains of the modes that a grid has, one array a channel."""
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
    """Return the lowest sine modes in the columns, each of norm one but for the last that a grid can have."""
    places, numbers = (torch.arange(cells) + 0.5) / cells, torch.arange(1, min(modes, cells) + 1)
    return (2.0 / cells) ** 0.5 * torch.sin(np.pi * places[:, None] * numbers)


def _eigenvalues(sines: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the eigenvalues of the modes, in units of the grid's spacing."""
    squares = [(np.pi * torch.arange(1, axis.shape[1] + 1).to(axis) / axis.shape[0]) ** 2 for axis in sines]
    return torch.stack(torch.meshgrid(*squares, indexing="ij")).sum(dim=0)


def _transformed(features: torch.Tensor, matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return features of shape ``(batch, channels, *grid)`` multiplied by a matrix along each axis of the grid."""
    for matrix in matrices:
        features = features.movedim(2, -1) @ matrix
    return features


def _turned(matrices: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [matrix.T for matrix in matrices]
