"""Prepare once, solve for many right-hand sides.

Preparing factorises the matrix; each further solve is cheap. The columns of one array are solved together, and any
number of later calls use the same factors.
"""

import numpy as np
import typer

import ritz
from ritz.solvers.direct import LU


def main() -> None:
    """Factorise once, solve three times."""
    problem = ritz.problems.diffusion((96, 96), contrast=1e3)
    prepared = LU().prepare(problem)

    columns = np.random.default_rng(0).standard_normal((problem.size, 20))
    together = prepared.solve(columns)
    print(f"{columns.shape[1]} columns together: {together}")
    for scale in (1.0, 2.0):
        solution = prepared.solve(scale * problem.rhs)
        print(f"scale {scale}: mean {solution.x.mean():.3e}, solved in {1e3 * solution.timings['solve']:.1f} ms")


if __name__ == "__main__":
    typer.run(main)
