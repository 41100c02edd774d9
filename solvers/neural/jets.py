"""Fully connected networks that propagate their derivatives through the layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch

__all__ = ["Jet", "JetNetwork", "coordinate_embedding", "fourier_embedding"]


class Jet:
    """Values of several functions at N points, with first and second derivatives along J directions.

    Parameters
    ----------
    stack : tensor, shape (1 + 2 J, ..., N, k)
        Values, first derivatives, second derivatives.
    """

    def __init__(self, stack: torch.Tensor):
        self.stack = stack
        self.count = (len(stack) - 1) // 2

    @property
    def value(self) -> torch.Tensor:
        """Values, shape ``(..., N, k)``."""
        return self.stack[0]

    @property
    def first(self) -> torch.Tensor:
        """First derivatives, shape ``(J, ..., N, k)``."""
        return self.stack[1 : 1 + self.count]

    @property
    def second(self) -> torch.Tensor:
        """Second derivatives, shape ``(J, ..., N, k)``."""
        return self.stack[1 + self.count :]

    def affine(self, weight: torch.Tensor, bias: torch.Tensor) -> Jet:
        """Return ``x @ weight + bias``, with one product for values and derivatives."""
        product = self.stack @ weight
        return Jet(torch.cat([product[:1] + bias, product[1:]]))

    def tanh(self) -> Jet:
        """Return the hyperbolic tangent, by the chain rule."""
        value = torch.tanh(self.value)
        slope = 1 - value**2
        first = slope * self.first
        second = slope * self.second - 2 * value * first * self.first
        return Jet(torch.cat([value[None], first, second]))


class JetNetwork(torch.nn.Module):
    """Embedding of the coordinates, followed by hidden tanh layers and a linear layer.

    An embedding is a set of linear functions and sines ``sin(B x + c)`` of the coordinates. Several embeddings pass
    through the same hidden layers, and the last layer joins them :cite:`WangWangPerdikaris2021`.

    Parameters
    ----------
    lines : ndarray, shape (k, d + 1)
        Slopes of the linear functions, with the offset in the last column.
    waves : ndarray, shape (S, m, d + 1)
        Frequencies of the sines of each of S embeddings, with the phase in the last column.
    width, depth : int
        Width and number of the hidden layers.
    scale : float
        Factor of the output.
    dtype : torch dtype
    generator : torch.Generator
        Generator for the weights, which have Glorot's uniform distribution.
    """

    def __init__(
        self,
        lines: np.ndarray,
        waves: np.ndarray,
        width: int,
        depth: int,
        scale: float,
        dtype: torch.dtype,
        generator: torch.Generator,
    ):
        super().__init__()
        self.scale = scale
        self.lines = torch.as_tensor(lines, dtype=dtype)
        self.waves = torch.as_tensor(waves, dtype=dtype)
        sizes = [len(lines) + waves.shape[1], *[width] * depth]
        shapes = [*pairwise(sizes), (len(waves) * width, 1)]
        self.weights = torch.nn.ParameterList()
        self.biases = torch.nn.ParameterList()
        for rows, columns in shapes:
            bound = (6.0 / (rows + columns)) ** 0.5
            weight = torch.empty(rows, columns, dtype=dtype).uniform_(-bound, bound, generator=generator)
            self.weights.append(weight)
            self.biases.append(torch.zeros(columns, dtype=dtype))

    def forward(self, points: torch.Tensor, directions: torch.Tensor) -> Jet:
        """Return the function at points (N, d), with derivatives along directions (J, d), as a jet of one column."""
        jet = self._embed(points, directions)
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            jet = jet.affine(weight, bias).tanh()
        joined = torch.cat(list(jet.stack.unbind(1)), dim=-1)
        jet = Jet(joined).affine(*last)
        return Jet(self.scale * jet.stack)

    def _embed(self, points: torch.Tensor, directions: torch.Tensor) -> Jet:
        """Return lines and waves with their derivatives, shape (1 + 2 J, S, N, k + m)."""
        count = len(self.waves)
        angle = points @ self.waves[..., :-1].mT + self.waves[:, None, :, -1]
        rate = torch.einsum("smd,jd->jsm", self.waves[..., :-1], directions)[:, :, None]
        sine, cosine = torch.sin(angle), torch.cos(angle)
        waves = torch.cat([sine[None], rate * cosine, -(rate**2) * sine])
        line = points @ self.lines[:, :-1].mT + self.lines[:, -1]
        slope = (directions @ self.lines[:, :-1].mT)[:, None].expand(-1, len(points), -1)
        lines = torch.cat([line[None], slope, torch.zeros_like(slope)])
        return Jet(torch.cat([lines[:, None].expand(-1, count, -1, -1), waves], dim=-1))


def coordinate_embedding(domain: Any, periodic: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Return lines that map each axis to (-1, 1), or a sine and a cosine with the period of a periodic axis."""
    dimension = len(domain)
    lines, waves = [np.zeros((0, dimension + 1))], [np.zeros((0, dimension + 1))]
    for axis, (lower, upper) in enumerate(domain):
        unit = np.eye(1, dimension + 1, axis)
        if periodic[axis]:
            row = 2 * np.pi / (upper - lower) * unit
            waves += [row, row + 0.5 * np.pi * np.eye(1, dimension + 1, dimension)]
        else:
            offset = -(upper + lower) / (upper - lower)
            lines.append(2.0 / (upper - lower) * unit + offset * np.eye(1, dimension + 1, dimension))
    return np.concatenate(lines), np.concatenate(waves)[None]


def fourier_embedding(
    domain: Any, periodic: list[bool], scales: tuple[float, ...], features: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return sine-cosine pairs with normal random frequencies of each standard deviation in `scales`, and no lines."""
    dimension = len(domain)
    frequencies = np.stack([scale * generator.standard_normal((features, dimension)) for scale in scales])
    for axis, (lower, upper) in enumerate(domain):
        if periodic[axis]:
            base = 2 * np.pi / (upper - lower)
            frequencies[..., axis] = base * np.round(frequencies[..., axis] / base)
    phases = np.broadcast_to([[0.0], [0.5 * np.pi]], (len(scales), 2, 1))
    pairs = np.repeat(frequencies, 2, axis=1)
    offsets = np.tile(phases, (1, features, 1))
    return np.zeros((0, dimension + 1)), np.concatenate([pairs, offsets], axis=-1)
