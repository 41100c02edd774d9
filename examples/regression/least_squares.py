"""Fit a tall least-squares problem, and know how good the answer is.

One call picks the fastest method that is accurate. Every solution carries a backward error: how much the data would
have to change, relatively, for the answer to be exact.
"""

import numpy as np
import typer

import ritz


def main() -> None:
    """Fit exactly, roughly, and with ridge regression."""
    generator = np.random.default_rng(0)
    A = generator.standard_normal((50_000, 80))
    b = A @ np.arange(80.0) + generator.standard_normal(50_000)

    solution = ritz.solve(ritz.LeastSquares(A, b))
    print(solution)
    print("chosen:", solution.stats["chosen"])
    print(f"backward error {solution.stats['backward_error']:.1e}, rank {solution.stats['rank']}")

    rough = ritz.solve(ritz.LeastSquares(A, b), "sketch-solve", rtol=0.1)
    difference = np.linalg.norm(rough.x - solution.x) / np.linalg.norm(solution.x)
    print(f"one pass with a sketch differs by {difference:.1e}")
    ridge = ritz.solve(ritz.LeastSquares(A, b, ridge=1e4))
    print(f"ridge regression shrinks x from {np.linalg.norm(solution.x):.1f} to {np.linalg.norm(ridge.x):.1f}")


if __name__ == "__main__":
    typer.run(main)
