"""Compute snapshots, keep them on disk, and see how few modes they need.

Solutions for forty parameters are cached, so a second run reads them. The singular values show how many modes one
basis needs: few where solutions change smoothly, many where something moves.
"""

import tempfile
from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz
from ritz.solvers.reduced_basis import pod


def main(output: Path = Path("output/examples/snapshots.png")) -> None:
    """Solve and draw."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    problems = (ritz.problems.thermal_block((31, 31)), ritz.problems.two_materials((31, 31)))
    for problem in problems:
        with tempfile.TemporaryDirectory() as folder:
            snapshots = problem.snapshots(40, cache=folder)
            again = problem.snapshots(40, cache=folder)
        same = np.array_equal(snapshots.states, again.states)
        print(f"{problem.name}: states of shape {snapshots.states.shape}, the same from the cache: {same}")
        basis = pod(snapshots.normalised().states, size=30)
        axes.semilogy(basis.singular_values / basis.singular_values[0], "o-", markersize=3, label=problem.name)
    axes.set(xlabel="mode", ylabel="singular value, relative", title="How many modes forty solutions need")
    axes.grid(color="0.9")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
