"""Solve diffusion with jumps by multigrid that was set up by a network.

The network reads the coefficients once and writes down the numbers of an ordinary multigrid cycle. The weights come
with Ritz; the picture compares its iterations with conjugate gradients alone and with incomplete Cholesky.
"""

from pathlib import Path

import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/learned_multigrid.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.diffusion((128, 128), contrast=1e5, seed=1000)
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for solver in ("cg", "mic-cg", "learned-multigrid"):
        solution = ritz.solve(problem, solver, rtol=1e-6)
        print(f"{solver:18} {solution.iterations:4} iterations")
        axes.loglog(range(1, len(solution.history) + 1), solution.history, label=solver)
    axes.set(xlabel="iteration, counted from 1", ylabel="relative residual", title="Diffusion with jumps of 1e5")
    axes.grid(color="0.9")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
