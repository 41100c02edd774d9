"""Let two chemicals form a pattern: the Gray-Scott equations.

Each field has its own equation, and functions of all fields couple them; they stand on the left-hand side.
"""

from pathlib import Path

import numpy as np
import typer

import ritz

FEED, KILL = 0.037, 0.06


def main(output: Path = Path("output/examples/gray_scott.png")) -> None:
    """Solve and draw."""

    def chemical(diffusion, start):
        terms = {(2, 0): -diffusion, (0, 2): -diffusion}
        return ritz.PDE([(0.0, 1.0)] * 2, terms, conditions="periodic", initial=start)

    def spot(x, y):
        return 0.25 * np.exp(-((x - 0.5) ** 2 + 2.0 * (y - 0.45) ** 2) / 0.005)

    system = ritz.PDESystem(
        {"u": chemical(2e-5, lambda x, y: 1.0 - 2.0 * spot(x, y)), "v": chemical(1e-5, spot)},
        {"u": lambda u, v: u * v**2 - FEED * (1.0 - u), "v": lambda u, v: (FEED + KILL) * v - u * v**2},
    )
    trajectory = ritz.solve(system, times=np.linspace(0.0, 2400.0, 4), shape=(96, 96), rtol=1e-3)
    print(trajectory)
    print(f"the pattern covers {(trajectory.at(2400.0, 'v') > 0.1).mean():.0%} of the box")

    output.parent.mkdir(parents=True, exist_ok=True)
    trajectory.plot().savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
