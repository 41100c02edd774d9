"""Fit a line through data with outliers, in three norms.

Least absolute deviations (p = 1) ignore outliers, least squares (p = 2) are pulled by them, and the largest error
(p = infinity) sees nothing else. Each answer comes with a duality gap that proves it.
"""

import math
from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/outliers.png")) -> None:
    """Solve and draw."""
    generator = np.random.default_rng(3)
    x = np.linspace(0.0, 1.0, 60)
    y = 0.5 + x + 0.05 * generator.standard_normal(60)
    y[[44, 48, 52, 55, 58]] -= 1.2

    A = np.stack([np.ones(60), x], axis=1)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, "o", color="0.6", markersize=4)
    for p, name in ((1, "p = 1"), (2, "p = 2"), (math.inf, "p = ∞")):
        solution = ritz.solve(ritz.LpRegression(A, y, p=p), "lp")
        intercept, slope = solution.x
        print(f"{name}: intercept {intercept:.3f}, slope {slope:.3f}, duality gap {solution.stats['gap']:.0e}")
        axes.plot(x, A @ solution.x, label=name)
    axes.set(xlabel="x", ylabel="y", title="Five outliers, three norms")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
