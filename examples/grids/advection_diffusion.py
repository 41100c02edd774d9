"""Carry a substance around in an eddy: a system that is not symmetric.

The stronger the flow is relative to diffusion (the Péclet number), the less symmetric the system. The picture compares
the residual histories of two Krylov solvers with a weak and a strong preconditioner.
"""

from pathlib import Path

import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/advection_diffusion.png")) -> None:
    """Solve and draw."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for axes, peclet in zip(figure.subplots(1, 2, sharey=True), (10.0, 1000.0), strict=True):
        problem = ritz.problems.advection_diffusion((96, 96), peclet=peclet, velocity="recirculating")
        for solver in ("bicgstab", "gmres"):
            for preconditioner in ("jacobi", "incomplete-lu"):
                solution = ritz.solve(problem, solver, preconditioner=preconditioner, maxiter=400, throw=False)
                print(f"{peclet:6g} {solver:9} {preconditioner:14} {solution.iterations:4} {solution.status.name}")
                axes.semilogy(solution.history, label=f"{solver}, {preconditioner}")
        axes.set(title=f"Péclet number {peclet:g}", xlabel="iteration")
        axes.grid(color="0.9")
    figure.axes[0].set_ylabel("relative residual")
    figure.axes[0].legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
