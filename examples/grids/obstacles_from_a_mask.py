"""Solve Poisson's equation around obstacles drawn as a Boolean array.

Cells where the mask is true are solid. Multigrid handles walls one cell thin; here a spiral wall makes the path from
the heated core to the cold sides of the box long.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/obstacles_from_a_mask.png")) -> None:
    """Solve and draw."""
    n = 192
    y, x = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    turn = (radius - angle / (2 * np.pi) * 0.25) % 0.25
    wall = (turn < 0.03) & (radius > 0.15) & (radius < 0.85)
    source = np.where(radius < 0.08, 1.0, 0.0)

    problem = ritz.problems.from_grid(mask=wall, rhs=source, solid_boundary="neumann")
    solution = ritz.solve(problem, "multigrid")
    print(solution)
    print(f"{wall.sum()} of {wall.size} cells are solid, the highest temperature is {solution.x.max():.3f}")

    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    field = np.ma.masked_array(solution.x.reshape(n, n), wall)
    axes.set_facecolor("0.25")
    image = axes.imshow(field.T, origin="lower", extent=(-1, 1, -1, 1), cmap="inferno")
    axes.set(title="Heat leaks out of a spiral", xlabel="x", ylabel="y")
    figure.colorbar(image, label="temperature")

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
