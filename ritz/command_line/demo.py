"""Comparisons that ``ritz demo`` runs."""

from __future__ import annotations

from pathlib import Path

from ritz.comparing.comparison import Comparison, SolverEntry, compare
from ritz.files import save_figure
from ritz.registry import problems
from ritz.solver import make_solver

__all__ = ["run_demo"]


def run_demo(
    folder: Path, *, cells: tuple[int, int] = (384, 48), progress: bool = False
) -> list[tuple[str, Comparison]]:
    """Compare solvers on a 2-D and a 3-D Poisson problem, and write plots and reports of each into `folder`.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    cells : tuple of int
        Cells along each axis of the 2-D and of the 3-D problem.
    progress : bool
        Show which solver is running.

    Returns
    -------
    list of (str, Comparison)
        Prefix of the file names of each comparison, and the comparison.
    """
    folder.mkdir(parents=True, exist_ok=True)
    incomplete = make_solver("cg", {"preconditioner": "modified-incomplete-cholesky"})
    solvers: list[SolverEntry] = ["auto", "scipy-cg", "cg", ("cg + mic", incomplete), "amg-cg", "pyamg-sa", "pyamg-rs"]
    square = problems["poisson"]((cells[0],) * 2, obstacles=6, seed=1)
    cube = problems["poisson"]((cells[1],) * 3, obstacles=6, seed=1)
    asked = {"poisson-2d": (square, [*solvers, "lu"]), "poisson-3d": (cube, solvers)}  # fill makes LU slow in 3-D
    found: list[tuple[str, Comparison]] = []
    for name, (problem, entries) in asked.items():
        comparison = compare(problem, entries, repeat=3, progress=progress)
        save_figure(comparison.plot(), folder / f"{name}-convergence.png")
        if comparison.solution is not None:
            save_figure(comparison.solution.plot(), folder / f"{name}-solution.png")
        comparison.to_html(folder / f"{name}.html")
        comparison.to_json(folder / f"{name}.json")
        found.append((name, comparison))
    return found
