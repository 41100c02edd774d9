"""Watch waves steepen into fronts: Burgers' equation with little viscosity.

An event stops the run when the front is as steep as it gets, and dense output shows any time before.
"""

from pathlib import Path

import numpy as np
import typer

import ritz


def main(output: Path = Path("output/examples/burgers.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.viscous_burgers(1024, viscosity=1e-3, times=np.linspace(0.0, 0.6, 7))

    def strongest_slope_reached(t, u):
        return np.diff(u).min() * u.size + 300.0

    trajectory = ritz.solve(problem, rtol=1e-5, dense=True, events=[strongest_slope_reached])
    print(trajectory)
    times, _ = trajectory.events[0]
    print(f"the slope passes -300 at t = {', '.join(f'{t:.4f}' for t in times)}")
    print(f"energy left at t = 0.6: {(trajectory.x**2).mean() / (trajectory.at(0.0) ** 2).mean():.1%}")

    output.parent.mkdir(parents=True, exist_ok=True)
    trajectory.plot().savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
