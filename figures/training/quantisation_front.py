"""Mixed-precision quantisation of a convolutional preconditioner: size against loss and iterations."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.solvers.training import quantise, quantised, sensitivities, with_integers

from ..multigrid.learned_preconditioner import iterations, preconditioner, residual_loss, residuals
from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot", "trained_preconditioner"]

Data: TypeAlias = dict[str, Any]

SIZE = 24
UNIFORM = (2, 3, 4, 6, 8)


def trained_preconditioner(steps: int, seed: int = 0, batch: int = 8) -> tuple[Any, Any]:
    """Train the preconditioner of `learned_preconditioner` with Adam, and return it with its training residuals."""
    import torch

    model, data = preconditioner(seed), residuals(128, SIZE, seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        rows = torch.arange(step * batch, (step + 1) * batch) * 37 % len(data)
        optimiser.zero_grad()
        residual_loss(model, data[rows]).backward()
        optimiser.step()
        schedule.step()
    return model.eval(), data


def compute(quick: bool = False) -> Data:
    """Return the Pareto front, with true losses and iterations of choices on it and of uniform ones.

    Parameters
    ----------
    quick : bool
        Use a barely trained network and few choices.

    Returns
    -------
    dict
        ``"front"``: average bits and perturbation. ``"mixed"`` and ``"uniform"``: average bits, perturbation, true
        increase of the loss with rounded weights, the same with integer arithmetic, and iterations with the latter.
        ``"layers"``: perturbation and true increase for each layer and number of bits alone. ``"float"`` and
        ``"none"``: iterations with the unquantised preconditioner and without one.
    """
    import torch

    from ritz.backend import single_torch_thread

    with single_torch_thread():
        model, data = trained_preconditioner(60 if quick else 3000)
        batch = data[:32]
        table = sensitivities(residual_loss, model, [batch], UNIFORM, budget=8 if quick else 24)

        def increase(other: Any) -> float:
            with torch.no_grad():
                return float(residual_loss(other, batch) - residual_loss(model, batch))

        seeds = 1 if quick else 3

        def measure(choice: Any) -> tuple[float, ...]:
            whole = with_integers(model, choice.bits)
            losses = (increase(quantised(model, choice.bits)), increase(whole))
            return (choice.average, choice.perturbation, *losses, iterations(whole, SIZE, seeds))

        alone: list[tuple[float, float]] = []
        for layer, name in enumerate(table.names):
            for column, bits in enumerate(table.bits):
                other = copy.deepcopy(model)
                weight: Any = other.get_submodule(name).weight
                numbers, scale = quantise(weight, bits)
                with torch.no_grad():
                    weight.copy_(scale * numbers)
                alone.append((float(table.perturbations[layer, column]), increase(other)))
        averages = (3.0, 6.0) if quick else (2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
        return {
            "front": np.array([(each.average, each.perturbation) for each in table.front()]),
            "mixed": np.array([measure(table.within(average)) for average in averages]),
            "uniform": np.array([measure(table.uniform(bits)) for bits in (UNIFORM[1::2] if quick else UNIFORM)]),
            "layers": np.array(alone),
            "float": iterations(model, SIZE, seeds),
            "none": iterations(None, SIZE, seeds),
        }


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(11.4, 3.8), layout="constrained")
        left, middle, right = canvas.subplots(1, 3)
        left.semilogy(*data["front"].T, color="#9db3c8", linewidth=2.0, label="front, predicted")
        for number, name in enumerate(("mixed", "uniform")):
            rows = data[name]
            look: Any = {"color": COLOURS[number], "marker": "os"[number]}
            left.semilogy(rows[:, 0], rows[:, 2], linestyle="none", label=f"{name}, rounded weights", **look)
            hollow = look | {"markerfacecolor": "none", "linestyle": "none", "markersize": 9}
            left.semilogy(rows[:, 0], rows[:, 3], label=f"{name}, integer arithmetic", **hollow)
            right.plot(rows[:, 0], rows[:, 4], linewidth=1.2, label=name, **look)
        left.set(xlabel="average bits per weight", ylabel="increase of the loss")
        left.set_title("Loss against size", color=INK)
        left.legend(fontsize=7.5)
        predicted, true = data["layers"].T
        middle.loglog(predicted, np.maximum(true, 1e-9), "o", color=COLOURS[2], markersize=4)
        line = np.array([predicted.min(), predicted.max()])
        middle.loglog(line, line, color=INK, linewidth=0.8, linestyle=":")
        middle.set(xlabel="trace-weighted perturbation", ylabel="true increase of the loss")
        middle.set_title("One layer quantised at a time", color=INK)
        right.axhline(data["float"], color=INK, linewidth=1.0, linestyle="--", label="float32")
        right.axhline(data["none"], color=INK, linewidth=1.0, linestyle=":", label="no preconditioner")
        right.set(xlabel="average bits per weight", ylabel="iterations of flexible GMRES", ylim=(0.0, None))
        right.set_title("With integer arithmetic", color=INK)
        right.legend(fontsize=7.5)
    return canvas


figure("quantisation-front", compute, plot)
