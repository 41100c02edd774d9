"""Solve Poisson's equation in a box.

Ritz recognises a constant coefficient on a box and solves the system directly with fast transforms. The picture shows
the solution and its discretisation error; the printed lines say which solver was chosen, and why.
"""

from pathlib import Path

import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/poisson_in_a_box.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.poisson((256, 256), boundary={"x+": "neumann"})
    solution = ritz.solve(problem)
    print(solution)
    print("chosen:", solution.stats["chosen"])
    print(f"error against the exact solution: {solution.error(problem.exact):.1e}")

    error = solution.x - problem.exact
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for axes, values, title in zip(figure.subplots(1, 2), (solution.x, error), ("Solution", "Error"), strict=True):
        image = axes.imshow(problem.grid.field(values).T, origin="lower", extent=(0, 1, 0, 1))
        axes.set(title=title, xlabel="x", ylabel="y")
        figure.colorbar(image, ax=axes)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
