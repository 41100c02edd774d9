"""Follow a hot spot that spreads in a plate.

Every implicit time step is a linear system with the same operator. The solver is prepared once, and each step starts
from an extrapolation of the solutions before it.
"""

from pathlib import Path

import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/heat_spreads.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.heat((96, 96), steps=20, dt=1e-3, scheme="crank-nicolson")
    trajectory = ritz.solve(problem, "multigrid")
    print(trajectory)
    print("iterations of each step:", list(trajectory.stats["iterations"]))
    print(f"error at the end: {trajectory.error(problem.exact(20)):.1e}")

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, step in zip(figure.subplots(1, 3), (1, 6, 20), strict=True):
        field = trajectory.grid.field(trajectory.steps[step - 1].x)
        image = axes.imshow(field.T, origin="lower", extent=(0, 1, 0, 1), cmap="inferno")
        axes.set(title=f"t = {step * 1e-3:g}", xlabel="x", ylabel="y" if step == 1 else "")
        figure.colorbar(image, ax=axes, shrink=0.85)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
