"""Spectral density estimates from a few products, against exact eigenvalues: a Poisson stencil and a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.operators import Hessian, Stencil
from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.solvers.spectrum import density

from ..registered_figure import figure
from ..training.trained_networks import trained_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot", "poisson_eigenvalues", "wasserstein"]

Data: TypeAlias = dict[str, Any]

BINS = 60


def compute(quick: bool = False) -> Data:
    """Return the estimated density and the exact eigenvalues of both operators.

    Parameters
    ----------
    quick : bool
        Use a small grid and a barely trained network.

    Returns
    -------
    dict
        For ``"stencil"`` and ``"network"``, a dictionary of the ``"exact"`` eigenvalues, the ``"estimate"``
        (`ritz.solvers.spectrum.spectral_density.SpectralDensity`) and the ``"distance"`` between them.
    """
    shape = (24, 24) if quick else (64, 64)
    network = Hessian(*trained_network("mlp", steps=20 if quick else 200))
    found: Data = {}
    for name, A, exact in (
        ("stencil", Stencil(shape, boundary="dirichlet", centering="vertex"), poisson_eigenvalues(shape)),
        ("network", network, np.linalg.eigvalsh(network.to_dense())),
    ):
        estimate = density(A, probes=4, steps=42)
        found[name] = {"exact": exact, "estimate": estimate, "distance": wasserstein(estimate, exact)}
    return found


def poisson_eigenvalues(shape: tuple[int, ...]) -> np.ndarray:
    """Return the eigenvalues of the Poisson stencil with unit spacing and zero boundary values, ascending."""
    total = np.zeros(1)
    for n in shape:
        line = 4.0 * np.sin(np.arange(1, n + 1) * np.pi / (2 * (n + 1))) ** 2
        total = np.add.outer(total, line).ravel()
    return np.sort(total)


def wasserstein(estimate: Any, exact: np.ndarray) -> float:
    """Return the Wasserstein-1 distance of an estimated spectrum, relative to the largest absolute eigenvalue."""
    return estimate.distance(exact) / abs(exact).max()


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    titles = {"stencil": "Poisson stencil", "network": "Hessian of a network"}
    with ritz_style():
        canvas = Figure(figsize=(8.4, 3.8), layout="constrained")
        panels = canvas.subplots(1, 2)
        for panel, name in zip(panels, titles, strict=True):
            exact, estimate = data[name]["exact"], data[name]["estimate"]
            width = float(np.ptp(exact)) / BINS
            bins = np.linspace(exact.min() - 2 * width, exact.max() + 2 * width, BINS + 5)
            panel.hist(exact, bins, density=True, color="#c9d3de", label="all eigenvalues")
            estimate.plot(panel, width, color=COLOURS[1], label=f"{estimate.products} products")
            heading = f"{titles[name]}, n = {len(exact):,}"
            panel.set_title(f"{heading}\nrelative Wasserstein distance {data[name]['distance']:.0e}", color=INK)
        scale = 1.0 / np.ptp(data["network"]["exact"])
        panels[1].set(yscale="log", ylim=(1e-4 * scale, 3e2 * scale))
        panels[0].legend()
    return canvas


figure("spectral-density", compute, plot)
