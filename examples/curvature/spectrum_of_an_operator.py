"""Learn about the spectrum of an operator from products alone.

Extreme eigenvalues, trace, log-determinant and the density of all eigenvalues come from a few hundred products.
Estimates carry a standard error. For this stencil the exact spectrum is known, and drawn beside the estimate.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

from ritz.operators import Stencil
from ritz.solvers.spectrum import density, eigenvalues, logdet, trace


def main(output: Path = Path("output/examples/spectrum_of_an_operator.png")) -> None:
    """Solve and draw."""
    n = 48
    A = Stencil((n, n), boundary="dirichlet", centering="vertex")
    line = 4.0 * np.sin(np.arange(1, n + 1) * np.pi / (2 * n + 2)) ** 2
    exact = np.add.outer(line, line).ravel()

    print("largest: ", eigenvalues(A, 3).values, "exact:", np.sort(exact)[:-4:-1])
    smallest = eigenvalues(A, 3, "smallest", preconditioner="modified-incomplete-cholesky")
    print("smallest:", smallest.values, "exact:", np.sort(exact)[:3])
    print("trace:   ", trace(A), "exact:", round(exact.sum(), 3))
    print("logdet:  ", logdet(A), "exact:", round(np.log(exact).sum(), 3))
    spectrum = density(A)

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.hist(exact, bins=60, density=True, color="0.85", label=f"all {n * n} eigenvalues")
    spectrum.plot(axes, label=f"{spectrum.products} products", color="C0")
    axes.set(title="Spectral density of a Laplacian")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
