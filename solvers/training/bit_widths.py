"""How many bits each layer of a network needs, by the trace of its Hessian."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ritz.errors import InvalidProblem
from ritz.operators import Hessian
from ritz.solvers.spectrum import trace

from .quantisation import layers_with_weights, quantise

__all__ = ["BitWidths", "Sensitivities", "sensitivities"]


@dataclass(frozen=True)
class BitWidths:
    """Bits for the weights of each layer.

    Attributes
    ----------
    bits : mapping of str to int
        By the names of `ritz.solvers.training.quantisation.layers_with_weights`.
    average : float
        Over all weights.
    perturbation : float
        Expected increase of the loss, to second order.
    """

    bits: Mapping[str, int]
    average: float
    perturbation: float


@dataclass(frozen=True)
class Sensitivities:
    r"""What rounding each layer to each number of bits costs: :math:`\frac12\bar t_i\|Q_b(W_i)-W_i\|^2`.

    :math:`\bar t` is the average trace of the layer's block of the Hessian: its trace by its number of weights
    :cite:`DongEtAl2020`.

    Attributes
    ----------
    names : tuple of str
    sizes : ndarray of int, shape (layers,)
        Weights.
    bits : tuple of int
        Choices, ascending.
    average_traces : ndarray, shape (layers,)
    perturbations : ndarray, shape (layers, choices)
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    bits: tuple[int, ...]
    average_traces: np.ndarray
    perturbations: np.ndarray

    def front(self) -> list[BitWidths]:
        """Return every choice of bits that no other beats in both size and perturbation, smallest first.

        Layer by layer, what is beaten by then stays beaten: the lists stay short, and the front is exact.
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
        """Return the bits of least perturbation with at most so many on average over all weights.

        Raises
        ------
        InvalidProblem
            If that is less than the fewest bits there are to choose from.
        """
        fitting = [each for each in self.front() if each.average <= average + 1e-12]
        if not fitting:
            raise InvalidProblem(f"average is {average!r} bits; the fewest to choose from are {self.bits[0]}")
        return fitting[-1]

    def uniform(self, bits: int) -> BitWidths:
        """Return the same number of bits for all layers."""
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
    """Return what rounding the weights of each layer would cost, without trying it :cite:`DongEtAl2020`.

    Parameters
    ----------
    loss, model, data
        As for `ritz.operators.Hessian`, at a minimum that the model was trained to.
    bits : sequence of int
        Choices, 2 to 8.
    budget : int
        Products for the trace of each layer.
    seed : int

    Raises
    ------
    InvalidProblem
        If the model has no layer with weights, and as `Hessian` does.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> x = torch.randn(64, 3)
    >>> found = sensitivities(lambda model, x: model(x).square().mean(), model, [x])
    >>> found.within(4.0).average <= 4.0, bool(found.perturbations[0, 0] > found.perturbations[0, -1])
    (True, True)
    """
    layers = layers_with_weights(model)
    choices = tuple(sorted(set(bits)))
    hessian = Hessian(loss, model, data, chunk=1)  # few products of each block are not worth a linearisation
    sizes: list[int] = []
    traces: list[float] = []
    costs: list[list[float]] = []
    for name, layer in layers.items():
        weight: Any = layer.weight
        own = f"{name}.weight" if name else "weight"
        average = max(float(trace(hessian.block(own), budget, seed=seed).value), 0.0) / weight.numel()
        squares: list[float] = []
        for choice in choices:
            numbers, scale = quantise(weight, choice)
            squares.append(float((scale * numbers.to(weight) - weight.detach()).double().square().sum()))
        sizes.append(weight.numel())
        traces.append(average)
        costs.append([0.5 * average * each for each in squares])
    return Sensitivities(tuple(layers), np.array(sizes), choices, np.array(traces), np.array(costs))
