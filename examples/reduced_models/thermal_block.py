"""Turn fifty full solutions into a model that answers in a millisecond.

The conductivities of four blocks of a plate are parameters. Fifty solutions make a basis; a query then solves a small
system and says how far it may be off.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz
from ritz.solvers.reduced_basis import GlobalPOD


def main(output: Path = Path("output/examples/thermal_block.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.thermal_block((48, 48))
    model = GlobalPOD(size=15, samples=50).prepare(problem)

    errors, estimates = [], []
    for parameters in problem.sample(20, seed=1):
        solution = model.solve(parameters)
        errors.append(solution.error(problem.solution(parameters)))
        estimates.append(solution.stats["estimated_error"])
    print(f"largest error {max(errors):.1e}, largest estimate {max(estimates):.1e}")
    print(f"last query: {1e3 * solution.timings['solve']:.2f} ms, fallback: {solution.stats['fallback']}")

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.imshow(problem.grid.field(solution.x).T, origin="lower", extent=(0, 1, 0, 1), cmap="inferno")
    left.set(title="Temperature for one parameter", xlabel="x", ylabel="y")
    figure.colorbar(image, ax=left)
    right.loglog(errors, estimates, "o")
    line = np.array([min(errors), max(estimates)])
    right.loglog(line, line, color="0.7", zorder=0)
    right.set(title="Estimated against true errors", xlabel="true error", ylabel="estimated error")
    right.grid(color="0.9")

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
