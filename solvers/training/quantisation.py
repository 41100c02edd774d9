"""Quantisation of weights to a few bits, and layers with integer arithmetic."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem

__all__ = ["IntegerLayer", "layers_with_weights", "quantise", "quantised", "with_integers"]

ACTIVATION_BITS = 8


def quantise(values: torch.Tensor, bits: int) -> tuple[torch.Tensor, float]:
    r"""Return b-bit integers and a scale such that ``values ≈ scale * numbers``.

    Parameters
    ----------
    values : tensor
    bits : int
        Number of bits b, 2 to 8. The integers range from :math:`-(2^{b-1}-1)` to :math:`2^{b-1}-1`.

    Returns
    -------
    numbers : tensor of int8
        In the shape of `values`.
    scale : float

    Raises
    ------
    InvalidProblem
        If `bits` is out of range or a value is not finite.

    Examples
    --------
    >>> numbers, scale = quantise(torch.tensor([-1.0, 0.2, 0.5]), bits=3)
    >>> numbers.tolist(), round(scale, 4)
    ([-3, 1, 2], 0.3333)
    """
    bits = check_integer("bits", bits, 2, 8)
    if not torch.isfinite(values).all():
        raise InvalidProblem("values contain NaN or infinity, which no integer can represent")
    top = 2 ** (bits - 1) - 1
    scale = float(values.detach().abs().max()) / top or 1.0
    return torch.clamp(torch.round(values.detach() / scale), -top, top).to(torch.int8), scale


def layers_with_weights(model: torch.nn.Module) -> Mapping[str, torch.nn.Module]:
    """Return the linear and convolutional layers of a model by name, in order."""
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    found = {name: each for name, each in model.named_modules() if isinstance(each, kinds)}
    if not found:
        raise InvalidProblem("model has no linear or convolutional layer with weights to quantise")
    return found


def quantised(model: torch.nn.Module, bits: Mapping[str, int]) -> torch.nn.Module:
    """Return a copy of `model` with the weights of each layer rounded to `bits`, in floating point; biases are kept."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, layer in layers_with_weights(other).items():
            weight: Any = layer.weight
            numbers, scale = quantise(weight, bits[name])
            weight.copy_(scale * numbers.to(weight))
    return other


def with_integers(model: torch.nn.Module, bits: Mapping[str, int]) -> torch.nn.Module:
    """Return a copy of `model` with integer weights, which multiplies them by inputs rounded to 8 bits.

    Parameters
    ----------
    model : torch.nn.Module
    bits : mapping of str to int
        Bits of the weights by layer name, as in `layers_with_weights`.
    """
    other = copy.deepcopy(model)
    for name, layer in layers_with_weights(other).items():
        parent, _, own = name.rpartition(".")
        setattr(other.get_submodule(parent), own, IntegerLayer(layer, bits[name]))
    return other


class IntegerLayer(torch.nn.Module):
    """A linear or convolutional layer with integer weights and inputs.

    Weights of up to four bits are packed two to a byte. Inputs are rounded to 8 bits with one scale per sample.
    Products and sums are those of integers, without rounding. As torch has no integer convolutions on a CPU, they are
    computed in float64, whose 53 bits represent them exactly. The layer therefore shows the error and the memory of
    integer arithmetic, but not its speed.

    Parameters
    ----------
    layer : torch.nn.Linear, Conv1d, Conv2d or Conv3d
    bits : int
        Bits of the weights, 2 to 8.

    Examples
    --------
    >>> layer = torch.nn.Linear(4, 3)
    >>> short = IntegerLayer(layer, bits=4)
    >>> short.stored.numel(), bool((short(torch.ones(1, 4)) - layer(torch.ones(1, 4))).abs().max() < 0.2)
    (6, True)
    """

    stored: torch.Tensor

    def __init__(self, layer: Any, bits: int):
        super().__init__()
        numbers, self.scale = quantise(layer.weight, bits)
        self.packed = bits <= 4
        self.shape = numbers.shape
        self.register_buffer("stored", _pack(numbers) if self.packed else numbers)
        self.bias = None if layer.bias is None else torch.nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
        kinds = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
        self._function: Any = functional.linear
        self._options: dict[str, Any] = {}
        if not isinstance(layer, torch.nn.Linear):
            if layer.padding_mode != "zeros":
                raise InvalidProblem(f"a layer pads with {layer.padding_mode!r}; only zero padding is supported")
            self._function = kinds[len(self.shape) - 2]
            names = ("stride", "padding", "dilation", "groups")
            self._options = {name: getattr(layer, name) for name in names}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, up to rounding."""
        top = 2 ** (ACTIVATION_BITS - 1) - 1
        axes = tuple(range(1, x.ndim))
        scale = (x.abs().amax(axes, keepdim=True) / top).clamp_min(torch.finfo(x.dtype).tiny)
        numbers = torch.round(x / scale).double()
        weight = (_unpack(self.stored, self.shape) if self.packed else self.stored).double()
        product = self._function(numbers, weight, **self._options).to(x.dtype) * (scale * self.scale)
        if self.bias is None:
            return product
        return product + (self.bias if not self._options else self.bias.view(-1, *[1] * (x.ndim - 2)))


def _pack(numbers: torch.Tensor) -> torch.Tensor:
    """Return integers from -7 to 7 packed two to a byte."""
    flat = (numbers.reshape(-1).to(torch.int16) + 8).to(torch.uint8)
    flat = torch.cat([flat, flat.new_zeros(len(flat) % 2)])
    return flat[::2] * 16 + flat[1::2]


def _unpack(stored: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    pairs = torch.stack([stored // 16, stored % 16], dim=1).reshape(-1)[: shape.numel()]
    return (pairs.to(torch.int16) - 8).reshape(shape)
