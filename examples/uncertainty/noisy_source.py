"""Solve an equation whose source was measured with noise.

The Gaussian process learns how large the noise is and carries it over to the solution. The band shows two standard
deviations; the exact solution should mostly lie inside it.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz
from ritz.solvers.gaussian_process import KroneckerGP


def main(output: Path = Path("output/examples/noisy_source.png")) -> None:
    """Solve and draw."""

    def exact(x):
        return np.sin(2.0 * np.pi * x) / (2.0 * np.pi) ** 2 + x

    nodes = np.linspace(0.0, 1.0, 81)
    equation = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.sin(2.0 * np.pi * x), boundary=exact)
    measured = np.sin(2.0 * np.pi * nodes) + 0.5 * np.random.default_rng(1).standard_normal(nodes.size)
    posterior = KroneckerGP(shape=nodes.size, noise="learn").prepare(equation).solve(measured)

    x = np.linspace(0.0, 1.0, 300)
    mean, spread = posterior.interpolate(x[:, None]), posterior.standard_deviation(x[:, None])
    inside = abs(mean - exact(x)) <= 2.0 * spread
    print(f"{inside.mean():.0%} of the exact solution lies within two standard deviations")

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(nodes, measured, ".", color="0.5", label="measured")
    left.plot(x, np.sin(2.0 * np.pi * x), label="true source")
    left.set(title="Source", xlabel="x")
    left.legend(frameon=False)
    right.fill_between(x, mean - 2.0 * spread - x, mean + 2.0 * spread - x, alpha=0.3, label="two standard deviations")
    right.plot(x, mean - x, label="mean")
    right.plot(x, exact(x) - x, "k--", label="exact")
    right.set(title="Solution, less x", xlabel="x")
    right.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
