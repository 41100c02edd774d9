"""First- and second-order optimisers at equal time, on a PINN, a Ritz energy and a convolutional preconditioner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ritz.plotting.style import COLOURS, INK, ritz_style

from ..registered_figure import figure
from .training_tasks import TASKS, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["METHODS", "compute", "plot"]

Data: TypeAlias = dict[str, Any]

METHODS: dict[str, tuple[dict[str, float], ...]] = {
    "adam": ({"lr": 1e-2}, {"lr": 3e-3}, {"lr": 3e-2}),
    "l-bfgs": ({},),
    "adahessian": ({"lr": 0.5}, {"lr": 0.15}),
    "mfac": ({"lr": 1e-3, "damping": 1e-4}, {"lr": 1.0, "damping": 1.0}),
    "levenberg-marquardt": ({},),
}
"""Options to try for each optimiser; the best counts."""


def compute(quick: bool = False) -> Data:
    """Return times and errors of the best run by task and method.

    Parameters
    ----------
    quick : bool
        Train for less than a second per run instead of ten.
    """
    found: Data = {}
    for name, make in TASKS.items():
        found[name] = {}
        for method, options in METHODS.items():
            if make(0).residual is None and method in ("l-bfgs", "levenberg-marquardt"):
                continue  # both need the same batch in every step
            tried = options[-1:] if quick and method == "mfac" else options[:1] if quick else options
            runs = [train(make(0), method, each, 0.6 if quick else 10.0) for each in tried]
            found[name][method] = min(runs, key=lambda run: run[1][-1])
    return found


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(11.4, 3.8), layout="constrained")
        panels = canvas.subplots(1, 3)
        for panel, (name, runs) in zip(panels, data.items(), strict=True):
            for number, method in enumerate(METHODS):
                if method in runs:
                    times, errors = runs[method]
                    panel.semilogy(times, errors, color=COLOURS[number], label=method, linewidth=1.3)
            measured = "fraction left of unseen residuals" if name == "preconditioner" else "relative error"
            panel.set(xlabel="seconds of training", ylabel=measured)
            panel.set_title(name, color=INK)
        panels[0].legend(fontsize=7.5)
    return canvas


figure("second-order-training", compute, plot)
