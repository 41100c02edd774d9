"""Spectral density of a network's Hessian on all samples and on small batches, and sharpness during training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.operators import Hessian
from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.solvers.spectrum import density
from ritz.solvers.training import SharpnessMonitor

from ..registered_figure import figure
from .trained_networks import trained_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

BATCHES = (4, 16, 64)
RATE = 0.2


def compute(quick: bool = False) -> Data:
    """Return densities by batch size, extreme eigenvalues over several batches, and the sharpness during training.

    Parameters
    ----------
    quick : bool
        Use a barely trained network, fewer batches and fewer steps.
    """
    import torch

    loss, model, data = trained_network("mlp", steps=20 if quick else 200)
    x, y = data[0]
    generator = np.random.default_rng(0)
    densities: dict[int, Any] = {}
    ends: dict[int, np.ndarray] = {}
    for size in (*BATCHES, len(x)):
        draws = [generator.permutation(len(x))[:size] for _ in range(1 if size == len(x) else 2 if quick else 10)]
        found = [density(Hessian(loss, model, [(x[rows], y[rows])], chunk=1), probes=2, steps=30) for rows in draws]
        densities[size] = found[0]
        ends[size] = np.array([(each.nodes.min(), each.nodes.max()) for each in found])
    loss, model, data = trained_network("mlp", steps=0)
    monitor = SharpnessMonitor(loss, model, data, RATE, every=10 if quick else 25)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
    for step in range(31 if quick else 1501):
        monitor(step)
        optimiser.zero_grad()
        loss(model, data[0]).backward()
        optimiser.step()
    return {"densities": densities, "ends": ends, "history": monitor}


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(11.4, 3.8), layout="constrained")
        left, middle, right = canvas.subplots(1, 3)
        full = max(data["densities"])
        width = float(np.ptp(data["densities"][full].nodes)) / 80
        for number, (size, found) in enumerate(data["densities"].items()):
            label = "all samples" if size == full else f"batch of {size}"
            found.plot(left, width, color=COLOURS[number], label=label, linewidth=1.2)
        left.set(yscale="log", ylim=(1e-4 / width, 1.0 / width))
        left.set_title("Spectral density of the Hessian", color=INK)
        left.legend(fontsize=7.5)
        sizes = list(data["ends"])
        for column, (name, sign) in enumerate((("smallest eigenvalue, negated", -1.0), ("largest eigenvalue", 1.0))):
            means = [float((sign * ends[:, column]).mean()) for ends in data["ends"].values()]
            middle.loglog(sizes, np.maximum(means, 1e-6), color=COLOURS[column], marker="o", label=name)
        middle.set_xticks(sizes, [str(size) for size in sizes])
        middle.minorticks_off()
        middle.set(xlabel="samples per batch", ylabel="mean over batches")
        middle.set_title("Extreme eigenvalues", color=INK)
        middle.legend(fontsize=7.5)
        data["history"].plot(right)
        right.set_title("Gradient descent on all samples", color=INK)
        right.legend(fontsize=7.5)
    return canvas


figure("batch-spectra", compute, plot)
