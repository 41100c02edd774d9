"""Save results: a picture, a table as JSON, and the numbers.

A comparison writes itself as JSON, with versions, threads and conditions. A solution is a NumPy array with a few
facts, which `numpy.savez` keeps.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import typer

import ritz


def main() -> None:
    """Save, load and print."""
    problem = ritz.problems.poisson((48, 48), obstacles=2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        comparison = ritz.compare(problem, ["cg", "multigrid"], repeat=1)
        comparison.to_json(folder / "comparison.json", remark="an example")
        saved = json.loads((folder / "comparison.json").read_text())
        print("entries:", ", ".join(saved))

        solution = ritz.solve(problem)
        np.savez(folder / "solution.npz", x=solution.x, residual=solution.residual, solver=solution.solver)
        loaded = np.load(folder / "solution.npz")
        print(f"{loaded['solver']} left a residual of {loaded['residual']:.1e} on {loaded['x'].size} unknowns")


if __name__ == "__main__":
    typer.run(main)
