"""Quantisation of weights to a few bits, and layers with integer arithmetic."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from ritz.arguments import check_choice, check_integer
from ritz.errors import InvalidProblem

__all__ = ["IntegerLayer", "layers_with_weights", "quantise", "quantised", "with_integers"]

ACTIVATION_BITS = 8
KINDS = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)


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
    if not values.numel() or not torch.isfinite(values).all():
        raise InvalidProblem("values are empty, or contain NaN or infinity, which no integer can represent")
    top = 2 ** (bits - 1) - 1
    scale = float(values.detach().abs().max()) / top or 1.0
    return torch.clamp(torch.round(values.detach() / scale), -top, top).to(torch.int8), scale


def layers_with_weights(model: torch.nn.Module) -> Mapping[str, torch.nn.Module]:
    """Return the linear and convolutional layers of a model by name, in order.

    A layer with several names, and layers that share one weight, are listed once, by the first name.

    Raises
    ------
    InvalidProblem
        If there is no such layer, or a weight is not a parameter of its own.
    """
    return {names[0]: model.get_submodule(names[0]) for names in _names_by_weight(model)}


def quantised(model: torch.nn.Module, bits: Mapping[str, int]) -> torch.nn.Module:
    """Return a copy of `model` with the weights of each layer rounded to `bits`, in floating point; biases are kept.

    Parameters
    ----------
    model : torch.nn.Module
    bits : mapping of str to int
        Bits by layer name, as in `layers_with_weights`. A weight is rounded wherever it is used.

    Raises
    ------
    InvalidProblem
        If `bits` lacks a layer, is out of range or differs between layers that share a weight, or for
        `layers_with_weights`.
    UnknownName
        If `bits` names a layer that does not exist.
    """
    return copy.deepcopy(model, _rounded(_bits_by_weight(model, bits)))


def with_integers(model: torch.nn.Module, bits: Mapping[str, int]) -> torch.nn.Module:
    """Return a copy of `model` with integer weights, which multiplies them by inputs rounded to 8 bits.

    A layer is replaced wherever the model refers to it, under any number of names or in a plain list. Whatever else
    shares its weight, such as an embedding, uses the same rounded weight in floating point.

    Parameters
    ----------
    model : torch.nn.Module
    bits : mapping of str to int
        Bits of the weights by layer name, as in `layers_with_weights`.

    Raises
    ------
    InvalidProblem
        As for `quantised`, or if a layer computes something else than torch's layer of its kind.
    UnknownName
        As for `quantised`.
    """
    widths = _bits_by_weight(model, bits)
    copies = _rounded(widths)
    for name, layer in model.named_modules():
        if isinstance(layer, KINDS):
            weight: Any = layer.weight
            _check_own_forward(name, layer)
            copies[id(layer)] = IntegerLayer(layer, widths[weight])
    return copy.deepcopy(model, copies)


def _names_by_weight(model: torch.nn.Module) -> list[list[str]]:
    """Return the names of the layers of each weight."""
    if not isinstance(model, torch.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidProblem(f"model is a {type(model).__name__}; it must be a torch.nn.Module")
    found: dict[torch.Tensor, list[str]] = {}
    for name, layer in model.named_modules(remove_duplicate=False):
        if not isinstance(layer, KINDS):
            continue
        weight: Any = layer._parameters.get("weight")  # pyright: ignore[reportPrivateUsage]
        if weight is None:
            raise InvalidProblem(
                f"model: the weight of layer {name!r} is computed from other parameters, as by weight_norm or pruning:"
                " make it a parameter first (torch.nn.utils.parametrize.remove_parametrizations)"
            )
        if torch.nn.parameter.is_lazy(weight):
            raise InvalidProblem(f"model: layer {name!r} has no weights before its first input: call the model once")
        found.setdefault(weight, []).append(name)
    if not found:
        raise InvalidProblem("model has no linear or convolutional layer with weights to quantise")
    return list(found.values())


def _bits_by_weight(model: torch.nn.Module, bits: Mapping[str, int]) -> dict[torch.Tensor, int]:
    if not isinstance(bits, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidProblem(f"bits is {bits!r}; it must map the name of each layer to a number of bits from 2 to 8")
    groups = _names_by_weight(model)
    known = [name for names in groups for name in names]
    for name in bits:
        check_choice("layer", name, known)
    widths: dict[torch.Tensor, int] = {}
    for names in groups:
        given = {name: check_integer(f"bits[{name!r}]", bits[name], 2, 8) for name in names if name in bits}
        if not given:
            raise InvalidProblem(f"bits has no entry for layer {names[0]!r}")
        if len(set(given.values())) > 1:
            raise InvalidProblem(f"bits is {given} for layers that share one weight; give the number once")
        weight: Any = model.get_submodule(names[0]).weight
        widths[weight] = next(iter(given.values()))
    return widths


def _rounded(widths: Mapping[torch.Tensor, int]) -> dict[int, Any]:
    """Return rounded parameters by the identities of the weights, as `copy.deepcopy` takes them for known copies."""
    copies: dict[int, Any] = {}
    for weight, bits in widths.items():
        numbers, scale = quantise(weight, bits)
        copies[id(weight)] = torch.nn.Parameter(scale * numbers.to(weight), weight.requires_grad)
    return copies


def _check_own_forward(name: str, layer: torch.nn.Module) -> None:
    kind: Any = next(kind for kind in KINDS if isinstance(layer, kind))
    methods = ("forward", "_conv_forward") if kind is not torch.nn.Linear else ("forward",)
    if any(getattr(type(layer), each) is not getattr(kind, each) or each in vars(layer) for each in methods):
        raise InvalidProblem(f"model: layer {name!r} is a {type(layer).__name__} with a method of its own for products")
    hooks = ("_forward_hooks", "_forward_pre_hooks")
    if any(getattr(layer, each) for each in hooks):
        raise InvalidProblem(f"model: layer {name!r} has hooks, which an integer layer would drop: remove them first")


class IntegerLayer(torch.nn.Module):
    """A linear or convolutional layer with integer weights and inputs.

    Weights of up to four bits are packed two to a byte. Inputs are rounded to 8 bits with one scale per sample, or per
    input if it has no batch dimension. Products and sums are those of integers, without rounding. As torch has no
    integer convolutions on a CPU, they are computed in float64, whose 53 bits represent them exactly. The layer
    therefore shows the error and the memory of integer arithmetic, but not its speed.

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
        self.shape, self.dtype = numbers.shape, layer.weight.dtype
        self.register_buffer("stored", _pack(numbers) if self.packed else numbers)
        self.bias = None if layer.bias is None else torch.nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
        self._function: Any = functional.linear
        self._options: dict[str, Any] = {}
        self._padding: dict[str, Any] = {}
        if not isinstance(layer, torch.nn.Linear):
            self._function = (functional.conv1d, functional.conv2d, functional.conv3d)[len(self.shape) - 3]
            self._options = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
            if layer.padding_mode != "zeros":
                ends = layer._reversed_padding_repeated_twice
                self._padding = {"pad": ends, "mode": layer.padding_mode}
                self._options["padding"] = 0

    @property
    def weight(self) -> torch.Tensor:
        """The weights that the integers stand for, for code that uses them in products of its own."""
        numbers = _unpack(self.stored, self.shape) if self.packed else self.stored
        return self.scale * numbers.to(self.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, up to rounding."""
        if x.ndim == len(self.shape) - 1:  # no batch dimension
            return self(x[None])[0]
        top = 2 ** (ACTIVATION_BITS - 1) - 1
        axes = tuple(range(1, x.ndim))
        scale = (x.abs().amax(axes, keepdim=True) / top).clamp_min(torch.finfo(x.dtype).tiny)
        numbers = torch.round(x / scale).double()
        if self._padding:
            numbers = functional.pad(numbers, **self._padding)
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
