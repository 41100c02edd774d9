"""Solve a pure Neumann problem, whose solution is known only up to a constant.

Ritz finds the constant, checks that the right-hand side sums to zero, and returns the solution of mean zero. A
right-hand side that does not sum to zero is refused before any work is done.
"""

import numpy as np
import typer

import ritz


def main() -> None:
    """Solve, and show what is refused."""
    problem = ritz.problems.poisson((96, 96), boundary="neumann")
    solution = ritz.solve(problem, "multigrid")
    print(solution)
    print(f"mean of the solution: {solution.x.mean():.1e}")

    try:
        ritz.solve(problem.operator, np.ones(problem.size))
    except ritz.InvalidProblem as error:
        print("refused:", error)


if __name__ == "__main__":
    typer.run(main)
