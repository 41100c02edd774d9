"""Solve the Helmholtz equation, which is indefinite.

A negative shift makes some eigenvalues negative, so conjugate gradients may break down: their status says so.
MINRES and the direct transform solve the same system.
"""

from pathlib import Path

import typer

import ritz


def main(output: Path = Path("output/examples/helmholtz.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.helmholtz((96, 96), shift=-110.0)
    for solver in ("cg", "transform", "minres"):
        solution = ritz.solve(problem, solver, rtol=1e-8, throw=False)
        print(f"{solver:10} {solution.status.name:15} {solution.iterations:5} iterations")
    print(f"discretisation error: {solution.error(problem.exact):.1e}")

    figure = solution.plot()

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
