"""Solve a nonlinear equation in space and time at once.

The Allen-Cahn equation, u_t = u_xx / 100 - u^3 + u, separates two phases. Time is treated as a second axis, with
Dirichlet values at its start and no condition at its end; Newton's method solves the system.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/nonlinear_front.png")) -> None:
    """Solve and draw."""
    front = ritz.PDE(
        domain=((0.0, 1.0), (0.0, 4.0)),  # x and t
        terms={(0, 1): 1.0, (2, 0): -0.01},
        reaction=(lambda u: u**3 - u, lambda u: 3.0 * u**2 - 1.0),
        boundary=lambda x, t: 0.3 * np.cos(2.0 * np.pi * x) + 0.2 * np.cos(np.pi * x),
        conditions={"x-": "neumann", "x+": "neumann", "y+": "open"},
    )
    solution = ritz.solve(front, "chebyshev", shape=(40, 40))
    print(solution)

    x, t = np.linspace(0.0, 1.0, 121), np.linspace(0.0, 4.0, 121)
    points = np.stack(np.meshgrid(x, t, indexing="ij"), axis=-1).reshape(-1, 2)
    u = solution.interpolate(points).reshape(121, 121)
    print(f"values at the end lie between {u[:, -1].min():.2f} and {u[:, -1].max():.2f}")

    figure = Figure(figsize=(5.6, 4), layout="constrained")
    axes = figure.subplots()
    limit = abs(u).max()
    image = axes.imshow(u.T, origin="lower", extent=(0, 1, 0, 4), aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.contour(x, t, u.T, levels=[0.0], colors="black", linewidths=0.8)
    axes.set(xlabel="x", ylabel="t", title="Two phases separate")
    figure.colorbar(image, label="u")

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
