"""Compare solvers on equal terms.

All solvers run in turn on the same system and must meet the same true residual. The table shows times, iterations and
memory; the picture shows residual histories and times.
"""

from pathlib import Path

import typer

import ritz


def main(output: Path = Path("output/examples/compare_solvers.png")) -> None:
    """Solve and draw."""
    problem = ritz.problems.poisson((96, 96), obstacles=6)
    comparison = ritz.compare(problem, ["auto", "cg", "mic-cg", "multigrid", "scipy-cg", "pyamg-sa"], repeat=1)
    print(comparison)

    figure = comparison.plot()

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
