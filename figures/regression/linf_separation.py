"""Largest coordinate error of sketched least squares against the number of unknowns, by kind of sketch.

On the left is the adversarial problem, where sparse sketches put the residual of a collision into a single coordinate;
on the right a random problem, where all kinds perform alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.problem_types.least_squares import LeastSquares

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KINDS", "compute", "plot", "scaled_errors"]

Data: TypeAlias = dict[str, dict[str, np.ndarray]]

KINDS = ("gaussian", "srht", "gaussian-pooled", "sparse-sign", "count-sketch")
LABELS = {"sparse-sign": "sparse sign, 8 entries", "count-sketch": "CountSketch", "srht": "SRHT"}
RATIO = 8  # rows of the sketch per unknown
SPIKES = 8


def scaled_errors(problem: LeastSquares, kind: str, trials: int, inverse_norm: float) -> np.ndarray:
    r"""Return :math:`\|x'-x^*\|_\infty\sqrt d/(\varepsilon\|r\|\|A^+\|)` for sketches with s = 8 d rows.

    Parameters
    ----------
    problem : LeastSquares
        Problem with a known minimiser.
    kind : str
        A name in `ritz.solvers.regression.sketches.sketch_kinds.SKETCHES`.
    trials : int
        Number of sketches, with seeds 0, 1, ...
    inverse_norm : float
        Norm of the pseudoinverse of A. The distortion is taken as :math:`\varepsilon=\sqrt{d/s}`.

    Returns
    -------
    ndarray, shape (trials,)
    """
    from ritz.solvers.regression.sketches.sketch_kinds import make_sketch

    rows, columns = problem.shape
    size = RATIO * columns
    scale = size**0.5 / (np.linalg.norm(problem.A @ problem.exact - problem.b) * inverse_norm)
    errors: list[float] = []
    for seed in range(trials):
        sketch = make_sketch(kind, size, rows, seed)
        x = np.linalg.lstsq(sketch @ problem.A, sketch @ problem.b, rcond=None)[0]
        errors.append(float(np.abs(x - problem.exact).max()) * float(scale))
    return np.array(errors)


def compute(quick: bool = False) -> Data:
    """Return the mean scaled error by instance and kind.

    Parameters
    ----------
    quick : bool
        Use few unknowns and trials.

    Returns
    -------
    dict
        ``"adversarial"`` and ``"generic"``, each with ``"unknowns"`` and one array per kind of sketch.
    """
    unknowns = (32, 64) if quick else (64, 128, 256, 512)
    rows, trials = (2048, 3) if quick else (2**14, 8)
    data: Data = {"adversarial": {"unknowns": np.array(unknowns)}, "generic": {"unknowns": np.array(unknowns)}}
    for kind in KINDS:
        adversarial = [ritz.problems.adversarial_regression(rows, d, spikes=SPIKES) for d in unknowns]
        data["adversarial"][kind] = np.array([scaled_errors(p, kind, trials, 1.0).mean() for p in adversarial])
        generic = [ritz.problems.regression(rows, d, condition=1.0, noise=1.0) for d in unknowns]
        norm = rows**-0.5
        data["generic"][kind] = np.array([scaled_errors(p, kind, trials, norm).mean() for p in generic])
    return data


def plot(data: Data) -> Figure:
    """Return the figure, with one panel per problem."""
    from matplotlib.figure import Figure

    titles = {"adversarial": "adversarial problem", "generic": "random problem"}
    with ritz_style():
        canvas = Figure(figsize=(9.2, 4.0), layout="constrained")
        panels = canvas.subplots(1, 2, sharey=True)
        for panel, (instance, title) in zip(panels, titles.items(), strict=True):
            found = data[instance]
            for number, kind in enumerate(KINDS):
                look: Any = {"color": COLOURS[number], "marker": "osD^v"[number]}
                panel.loglog(found["unknowns"], found[kind], label=LABELS.get(kind, kind.capitalize()), **look)
            panel.set(xlabel="unknowns d", title=title)
        d = data["adversarial"]["unknowns"]
        panels[0].loglog(d, 2.2 * np.sqrt(d / d[0]), color=INK, linestyle="--", linewidth=1, label=r"$\sim\sqrt{d}$")
        panels[0].set(ylabel=r"$\|x'-x^*\|_\infty\,\sqrt{d}\;/\;(\varepsilon\,\|r\|\,\|A^+\|)$")
        panels[0].legend(loc="upper left", fontsize=8)
        values = np.concatenate([found[kind] for found in data.values() for kind in KINDS])
        low, high = 0.8 * values[values > 0].min(), 1.4 * values.max()
        ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30) if low <= tick <= high]
        panels[0].set(ylim=(low, high))
        for panel in panels:
            panel.set_xticks(d, [str(number) for number in d])
            panel.set_yticks(ticks, [str(tick) for tick in ticks])
            panel.minorticks_off()
    return canvas


figure("linf-separation", compute, plot)
