"""Mixed-precision quantisation: bits per layer from the traces of the Hessian's blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ritz.arguments import check_integer, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.operators import Hessian
from ritz.solvers.spectrum import trace

from .quantisation import layers_with_weights, quantise

__all__ = ["BitWidths", "Sensitivities", "sensitivities"]


@dataclass(frozen=True)
class BitWidths:
    """Number of bits for the weights of each layer.

    Attributes
    ----------
    bits : mapping of str to int
        Bits by layer name, as in `ritz.solvers.training.quantisation.layers_with_weights`.
    average : float
        Bits per weight, averaged over all weights.
    perturbation : float
        Expected increase of the loss, to second order.
    """

    bits: Mapping[str, int]
    average: float
    perturbation: float


@dataclass(frozen=True)
class Sensitivities:
    r"""Cost of rounding each layer to each number of bits: :math:`\frac12\bar t_i\|Q_b(W_i)-W_i\|^2`.

    The average trace :math:`\bar t_i` is the trace of the layer's block of the Hessian divided by the layer's number
    of weights :cite:`DongEtAl2020`.

    Attributes
    ----------
    names : tuple of str
        Names of the layers.
    sizes : ndarray of int, shape (layers,)
        Number of weights of each layer.
    bits : tuple of int
        Numbers of bits to choose from, ascending.
    average_traces : ndarray, shape (layers,)
    perturbations : ndarray, shape (layers, choices)
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    bits: tuple[int, ...]
    average_traces: np.ndarray
    perturbations: np.ndarray

    def front(self) -> list[BitWidths]:
        """Return the Pareto front of size and perturbation, smallest size first.

        Layers are added one at a time. A choice dominated at one stage stays dominated, which keeps the lists short
        and the front exact.
        """
        kept: list[tuple[int, float, tuple[int, ...]]] = [(0, 0.0, ())]
        for size, costs in zip(self.sizes, self.perturbations, strict=True):
            grown = [
                (total + int(size) * bits, cost + float(more), (*chosen, bits))
                for total, cost, chosen in kept
                for bits, more in zip(self.bits, costs, strict=True)
            ]
            kept = []
            for candidate in sorted(grown):
                if not kept or candidate[1] < kept[-1][1]:
                    kept.append(candidate)
        weights = float(self.sizes.sum())
        return [
            BitWidths(dict(zip(self.names, chosen, strict=True)), total / weights, cost) for total, cost, chosen in kept
        ]

    def within(self, average: float) -> BitWidths:
        """Return the choice of least perturbation with at most `average` bits per weight.

        Raises
        ------
        InvalidProblem
            If `average` is less than the smallest number of bits to choose from.
        """
        check_number("average", average)
        fitting = [each for each in self.front() if each.average <= average + 1e-12]
        if not fitting:
            raise InvalidProblem(f"average is {average!r} bits; the fewest to choose from are {self.bits[0]}")
        return fitting[-1]

    def uniform(self, bits: int) -> BitWidths:
        """Return the choice of `bits` for every layer."""
        if bits not in self.bits:
            raise InvalidProblem(f"bits is {bits!r}; there are {', '.join(map(str, self.bits))} to choose from")
        column = self.bits.index(bits)
        return BitWidths(dict.fromkeys(self.names, bits), float(bits), float(self.perturbations[:, column].sum()))


def sensitivities(
    loss: Callable[..., torch.Tensor],
    model: torch.nn.Module,
    data: Iterable[Any] | None = None,
    bits: Sequence[int] = (2, 3, 4, 6, 8),
    *,
    budget: int = 24,
    seed: int = 0,
) -> Sensitivities:
    """Estimate the cost of rounding the weights of each layer from the traces of the Hessian :cite:`DongEtAl2020`.

    Layers that share a weight are one entry, under the first name, as the weight is rounded for all of them.

    Parameters
    ----------
    loss, model, data
        As for `ritz.operators.Hessian`; the model must have been trained to a minimum.
    bits : sequence of int
        Numbers of bits to choose from, 2 to 8.
    budget : int
        Hessian products for the trace of each layer.
    seed : int
        Seed of the trace estimates.

    Raises
    ------
    InvalidProblem
        If the model has no layer with weights, a weight is frozen or computed from other parameters, `bits` are out of
        range, or `Hessian` refuses the arguments.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> x = torch.randn(64, 3)
    >>> found = sensitivities(lambda model, x: model(x).square().mean(), model, [x])
    >>> found.within(4.0).average <= 4.0, bool(found.perturbations[0, 0] > found.perturbations[0, -1])
    (True, True)
    """
    check_seed(seed)
    layers: Mapping[str, Any] = layers_with_weights(model)
    choices = tuple(sorted({check_integer("bits", each, 2, 8) for each in bits}))
    if not choices:
        raise InvalidProblem("bits is empty; give the numbers of bits to choose from")
    names = {parameter: name for name, parameter in model.named_parameters()}
    for name, layer in layers.items():
        if not layer.weight.requires_grad:
            raise InvalidProblem(
                f"model: the weight of layer {name!r} requires no gradient, and the loss then has no derivatives with"
                " respect to it: call requires_grad_() on it"
            )
    hessian = Hessian(loss, model, data, chunk=1)  # a linearisation does not pay off for so few products per block
    sizes: list[int] = []
    traces: list[float] = []
    costs: list[list[float]] = []
    for layer in layers.values():
        weight = layer.weight
        average = max(float(trace(hessian.block(names[weight]), budget, seed=seed).value), 0.0) / weight.numel()
        squares: list[float] = []
        for choice in choices:
            numbers, scale = quantise(weight, choice)
            squares.append(float((scale * numbers.to(weight) - weight.detach()).double().square().sum()))
        sizes.append(weight.numel())
        traces.append(average)
        costs.append([0.5 * average * each for each in squares])
    return Sensitivities(tuple(layers), np.array(sizes), choices, np.array(traces), np.array(costs))
