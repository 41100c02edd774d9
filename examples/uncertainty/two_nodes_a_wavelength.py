"""Solve for a wave with barely more than two nodes per wavelength.

A Gaussian process finds the frequency in the source and needs no more nodes than that. Its posterior can be evaluated
anywhere; finite differences on the same nodes see nothing.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/two_nodes_a_wavelength.png")) -> None:
    """Solve and draw."""

    def exact(x):
        return np.sin(200.0 * x) - 2.0 * (x - 0.5) ** 2

    wave = ritz.PDE(
        (0.0, 1.0), {2: 1.0}, source=lambda x: -40_000.0 * np.sin(200.0 * x) - 4.0, boundary=exact, exact=exact
    )
    process = ritz.solve(wave, "gp", shape=67)
    differences = ritz.solve(wave, "finite-difference", shape=67, throw=False)
    print("frequencies found:", process.frequencies[0].round(3).tolist())
    print(f"error: {process.error(exact):.1e}, of finite differences on the same nodes: {differences.error(exact):.1e}")

    x = np.linspace(0.4, 0.6, 400)
    nodes = np.linspace(0.0, 1.0, 67)
    nodes = nodes[(nodes >= 0.4) & (nodes <= 0.6)]
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, exact(x), color="0.75", linewidth=4, label="exact")
    axes.plot(x, process.interpolate(x[:, None]), label="Gaussian process")
    axes.plot(nodes, exact(nodes), "ko", markersize=4, label="nodes")
    axes.set(xlabel="x", ylabel="u", title="2.1 nodes per wavelength", ylim=(-1.2, 1.75))
    axes.legend(frameon=False, loc="upper center", ncols=3)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
