"""Follow the heat of a source that moves across a plate.

The source is a function of time. Step sizes follow the tolerance, and the plate is insulated above and below.
"""

from pathlib import Path

import numpy as np
import typer

import ritz


def main(output: Path = Path("output/examples/moving_heat_source.png")) -> None:
    """Solve and draw."""
    plate = ritz.PDE(
        domain=[(0.0, 2.0), (0.0, 1.0)],
        terms={(2, 0): -0.02, (0, 2): -0.02},  # du/dt - 0.02 (u_xx + u_yy) = f(x, y, t)
        source=lambda x, y, t: 50.0 * np.exp(-((x - 0.2 - 0.8 * t) ** 2 + (y - 0.5) ** 2) / 0.005),
        conditions={"y-": "neumann", "y+": "neumann"},  # u = 0 on the left and on the right
        initial=0.0,
    )
    trajectory = ritz.solve(plate, times=[0.0, 0.5, 1.0, 1.5, 2.0], shape=(160, 80))
    print(trajectory)
    for t in trajectory.times:
        print(f"t = {t:3.1f}: hottest point {trajectory.at(t).max():.3f}")

    output.parent.mkdir(parents=True, exist_ok=True)
    trajectory.plot().savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
