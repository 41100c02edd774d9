"""Predicted against measured gain of local reduced bases over a global one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.plotting.style import COLOURS, ritz_style
from ritz.solvers.reduced_basis import efficiency
from ritz.solvers.reduced_basis.clusters.cluster_analysis import BASELINES, CANDIDATES

from ..registered_figure import figure
from .reduced_snapshots import training_and_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

PROBLEMS = ("two-materials", "rotating-wind", "helmholtz-lens", "perforated-plate", "burgers")
MARKERS = "osD^v"


def compute(quick: bool = False) -> Data:
    """Return predicted and measured gains of every setting, and which of them are recommended.

    Parameters
    ----------
    quick : bool
        Use one problem, a coarse grid, few snapshots and few settings.

    Returns
    -------
    dict
        By problem: ``"predicted"``, ``"measured"`` and ``"recommended"``, arrays of shape (settings,).
    """
    options: Data = {"clusters": (4, 8, 16, 32), "sizes": (5, 10, 20), "analyses": CANDIDATES + BASELINES}
    if quick:
        options = {"clusters": (4, 8), "sizes": (3, 6), "analyses": CANDIDATES[:2]}
    found: Data = {}
    for name in PROBLEMS[:1] if quick else PROBLEMS:
        _, known, unknown = training_and_test(name, quick)
        predicted, measured = efficiency(known, **options), efficiency(known, unknown, **options)
        chosen = {id(predicted.best(size)) for size in predicted.sizes}
        several = [pair for pair in zip(predicted.estimates, measured.estimates, strict=True) if pair[0].clusters > 1]
        found[name] = {
            "predicted": np.array([before.gain for before, _ in several]),
            "measured": np.array([after.gain for _, after in several]),
            "recommended": np.array([id(before) in chosen for before, _ in several]),
        }
    return found


def plot(data: Data) -> Figure:
    """Return the figure, with recommended settings circled."""
    from matplotlib.figure import Figure
    from scipy.stats import spearmanr

    everything = {key: np.concatenate([found[key] for found in data.values()]) for key in ("predicted", "measured")}
    with ritz_style():
        canvas = Figure(figsize=(6.4, 5.0), layout="constrained")
        panel = canvas.subplots()
        for colour, marker, (name, found) in zip(COLOURS, MARKERS, data.items(), strict=False):
            panel.loglog(
                *(found["predicted"], found["measured"]),
                **{"color": colour, "marker": marker, "markersize": 4, "linestyle": "", "alpha": 0.6, "label": name},
            )
            circled = found["recommended"]
            panel.loglog(
                *(found["predicted"][circled], found["measured"][circled]),
                **{"color": "black", "marker": "o", "markersize": 9, "linestyle": "", "fillstyle": "none"},
            )
        gains = np.concatenate(list(everything.values()))
        panel.plot([gains.min(), gains.max()], [gains.min(), gains.max()], color="0.5", linewidth=0.8)
        correlation: Any = spearmanr(everything["predicted"], everything["measured"])
        panel.set(xlabel="predicted gain over a global basis of the same size", ylabel="gain on test parameters")
        panel.set_title(f"rank correlation {correlation.statistic:.2f}; recommended settings circled")
        panel.legend()
    return canvas


figure("efficiency-criterion", compute, plot)
