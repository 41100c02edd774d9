"""Make a reduced model of a solver of one's own.

A function from parameters to solutions is enough. Its coefficients in a small basis are interpolated, and what two
interpolants disagree on estimates the error.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz
from ritz.solvers.reduced_basis import LocalReducedBasis


def main(output: Path = Path("output/examples/own_function.png")) -> None:
    """Solve and draw."""
    x = np.linspace(0.0, 1.0, 400)

    def bump(parameters: np.ndarray) -> np.ndarray:
        place, width = parameters
        return np.exp(-(((x - place) / width) ** 2))

    problem = ritz.ParametricPDE(bump, {"place": (0.3, 0.7), "width": (0.1, 0.3)})
    model = LocalReducedBasis(clusters=2, size=10, samples=200).prepare(problem)

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for index, parameters in enumerate(([0.35, 0.12], [0.5, 0.2], [0.65, 0.28])):
        solution = model.solve(parameters)
        exact = bump(np.array(parameters))
        print(f"{parameters}: error {solution.error(exact):.1e}, estimated {solution.stats['estimated_error']:.1e}")
        axes.plot(x, exact, color="0.8", linewidth=4, label=None if index else "own function")
        axes.plot(x, solution.x, color=f"C{index}", label=f"reduced model at {parameters}")
    axes.set(xlabel="x", ylabel="u", title="A function, and its reduced model", ylim=(None, 1.5))
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
