"""Compute the drag of obstacles in a channel: incompressible Navier-Stokes equations.

Each time step solves one system for the pressure, always with the same operator, which is prepared once.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/flow_past_obstacles.png")) -> None:
    """Solve and draw."""
    x, y = np.meshgrid(np.arange(144) / 48, np.arange(48) / 48, indexing="ij")
    mask = (abs(x - 0.6) < 0.08) & (abs(y - 0.3) < 0.09) | (abs(x - 1.2) < 0.08) & (abs(y - 0.7) < 0.09)
    flow = ritz.problems.flow_past_obstacles(mask.shape, mask=mask, reynolds=60.0, steps=900)
    trajectory = ritz.solve(flow, rtol=1e-5)
    state = trajectory.state
    print(trajectory)
    print(f"drag coefficient at t = {state.forces[-1, 0]:.2f}: {state.drag[-1]:.3f}, lift {state.lift[-1]:.3f}")

    u, v = state.velocity
    speed = np.hypot(0.5 * (u[1:] + u[:-1]), 0.5 * (v[:, 1:] + v[:, :-1]))
    figure = Figure(figsize=(7.5, 3.0), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(np.where(mask, np.nan, speed).T, origin="lower", extent=(0, 3, 0, 1), cmap="viridis")
    axes.set(title=f"speed, drag coefficient {state.drag[-1]:.2f}", xlabel="x", ylabel="y", facecolor="0.7")
    figure.colorbar(image, shrink=0.7)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
