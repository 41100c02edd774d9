"""Solve an equation of one's own in three ways.

The equation is a mapping from derivatives to coefficients. Finite differences, Chebyshev collocation and a Gaussian
process solve it on growing grids; the picture shows how fast each error falls.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/own_equation_three_ways.png")) -> None:
    """Solve and draw."""

    def exact(x, y):
        return np.sin(3.0 * x) * np.exp(y)

    equation = ritz.problems.pde(
        domain=((0.0, 1.0), (0.0, 1.0)),
        terms={(2, 0): -1.0, (0, 2): -1.0, (1, 0): 2.0, (0, 0): 4.0},  # -u_xx - u_yy + 2 u_x + 4 u = f
        source=lambda x, y: (12.0 * np.sin(3.0 * x) + 6.0 * np.cos(3.0 * x)) * np.exp(y),
        boundary=exact,
        exact=exact,
    )
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    grids = {"finite-difference": (9, 17, 33, 65), "chebyshev": (6, 9, 12, 17), "gp": (9, 13, 17, 25)}
    for solver, sizes in grids.items():
        errors = []
        for n in sizes:
            solution = ritz.solve(equation, solver, shape=(n, n), throw=False)
            errors.append(solution.error(exact))
            print(f"{solver:18} {n:3} nodes per axis: error {errors[-1]:.1e}")
        axes.loglog(sizes, errors, "o-", label=solver)
    axes.set(xlabel="nodes along each axis", ylabel="relative error", title="One equation, three discretisations")
    axes.set_xticks([6, 10, 20, 40, 65], ["6", "10", "20", "40", "65"])
    axes.minorticks_off()
    axes.grid(color="0.9")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
