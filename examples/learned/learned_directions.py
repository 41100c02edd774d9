"""Let a network propose search directions, safely.

The network looks at the residual and proposes where to go; the iteration around it keeps directions conjugate and the
error from growing. Any function may propose: a bad one costs iterations but never the answer.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/learned_directions.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.poisson((64, 64), obstacles=2, solid_boundary="neumann")
    generator = np.random.default_rng(0)
    directions = {
        "trained network": "network",
        "the residual itself": "identity",
        "residual with 50 % noise": lambda r: r + 0.5 * np.std(r) * generator.standard_normal(r.shape),
    }
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, direction in directions.items():
        solution = ritz.solve(problem, "conjugate-directions", direction=direction, rtol=1e-6, maxiter=2000)
        print(f"{name:26} {solution.status.name} after {solution.iterations} iterations")
        axes.loglog(range(1, len(solution.history) + 1), solution.history, label=name)
    axes.set(
        xlabel="iteration, counted from 1",
        ylabel="relative residual",
        ylim=(1e-8, None),
        title="Who proposes the directions",
    )
    axes.grid(color="0.9")
    axes.legend(frameon=False, loc="lower left")

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
