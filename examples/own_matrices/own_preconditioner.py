"""Use a preconditioner of one's own.

A preconditioner is anything that multiplies or a function of the residual. Here it solves for one grid line
at a time, and is compared with the diagonal.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/own_preconditioner.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.diffusion((64, 64), contrast=1e4)
    matrix = problem.operator.to_sparse().tocsr()
    size = 64  # unknowns in one line of the grid
    starts = range(0, problem.size, size)
    inverses = np.stack([np.linalg.inv(matrix[i : i + size, i : i + size].toarray()) for i in starts])

    def lines(residual: np.ndarray) -> np.ndarray:
        return np.einsum("bij,bj->bi", inverses, residual.reshape(-1, size)).ravel()

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for label, preconditioner in (("none", None), ("jacobi", "jacobi"), ("lines of the grid", lines)):
        solution = ritz.solve(problem, "cg", preconditioner=preconditioner)
        print(f"{label:18} {solution.iterations} iterations")
        axes.semilogy(solution.history, label=label)
    axes.set(xlabel="iteration", ylabel="relative residual", title="Conjugate gradients by preconditioner")
    axes.grid(color="0.9")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
