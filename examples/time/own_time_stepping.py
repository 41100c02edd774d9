"""March a reaction-diffusion equation of one's own in time.

Fisher's equation, u_t = D Δu + r u (1 - u), describes a population that spreads. Diffusion is implicit and growth
explicit, so each step solves one system whose right-hand side follows from the state before it.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz
from ritz.operators import Stencil


def main(output: Path = Path("output/examples/own_time_stepping.png")) -> None:
    """Solve and draw."""
    n, dt, diffusion, growth = 128, 0.2, 2e-4, 1.0
    shift = 1.0 / (dt * diffusion)  # (1/dt - D Laplace) u_new = u/dt + r u (1 - u), divided by D
    operator = Stencil((n, n), spacing=1.0 / n, boundary="neumann", shift=shift)
    x, y = np.meshgrid((np.arange(n) + 0.5) / n, (np.arange(n) + 0.5) / n, indexing="ij")
    start = np.where((x - 0.2) ** 2 + (y - 0.3) ** 2 < 0.03**2, 1.0, 0.0).ravel()

    sequence = ritz.SystemSequence(
        operator,
        start,
        rhs=lambda u: shift * u + growth / diffusion * u * (1.0 - u),
        advance=lambda u, answer: answer,
        steps=100,
    )
    trajectory = ritz.solve(sequence, "transform")
    print(trajectory)
    print(f"the population fills {trajectory.x.mean():.0%} of the box after t = {sequence.steps * dt:g}")

    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for step in (25, 50, 75, 100):
        front = trajectory.steps[step - 1].x.reshape(n, n)
        lines = axes.contour(x, y, front, levels=[0.5], colors=[f"C{step // 25 - 1}"])
        axes.clabel(lines, fmt=f"t = {step * dt:g}", fontsize=8)
    axes.set(xlabel="x", ylabel="y", title="Front of a spreading population", aspect="equal")

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
