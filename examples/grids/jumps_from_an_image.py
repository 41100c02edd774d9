"""Solve diffusion through a material whose conductivity is an image.

The grey values of an image become conductivities that jump by a factor of 10,000. A temperature of one on the left
side drives a flow to the right, which the good conductor attracts.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/jumps_from_an_image.png")) -> None:
    """Solve and draw."""
    n = 128
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
    wire = (abs(y - 0.5 - 0.25 * np.sin(7 * x)) < 0.06) & (abs(x - 0.5) < 0.35)
    image = np.where(wire, 1.0, 0.0)  # any array of grey values will do
    conductivity = 10.0 ** (4.0 * image)

    # The value u = 1 on the left side enters the right-hand side of the cells next to it: 2 c / h^2, half a cell away.
    heat = np.zeros((n, n))
    heat[0] = 2.0 * conductivity[0] * n**2
    sides = {"x-": "dirichlet", "x+": "dirichlet", "y-": "neumann", "y+": "neumann"}
    problem = ritz.problems.from_grid(coefficient=conductivity, boundary=sides, rhs=heat)
    solution = ritz.solve(problem)
    print(solution)
    print("chosen:", solution.stats["chosen"])

    temperature = solution.x.reshape(n, n)
    flow = np.hypot(*np.gradient(temperature, 1.0 / n)) * conductivity
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = left.imshow(temperature.T, origin="lower", extent=(0, 1, 0, 1), cmap="inferno")
    left.contour(image.T, levels=[0.5], colors="white", linewidths=0.7, extent=(0, 1, 0, 1))
    left.set(title="Temperature", xlabel="x", ylabel="y")
    figure.colorbar(shown, ax=left)
    shown = right.imshow(np.log10(flow.T + 1e-2), origin="lower", extent=(0, 1, 0, 1))
    right.set(title="Heat flow", xlabel="x")
    figure.colorbar(shown, ax=right, label="log10 of its size")

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
