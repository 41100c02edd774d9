"""`mic-cg` against the same method swept row by row, and against its peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Case, Suite, measure, plot_time
from ritz import problems
from ritz.operators import Operator, Sparse
from ritz.solver import make_solver
from ritz.solvers.preconditioners import ModifiedIncompleteCholesky

from .cases import cubes, family, squares

OURS, BY_ROWS = "mic-cg", "cg+mic by rows"
PEERS = ("pyamg-sa", "pyamg-rs", "scipy-cg")
PANELS = ("poisson 2-D obstacles", "poisson 3-D obstacles", "diffusion 2-D jumps 1e6", "diffusion 2-D rotated")


@dataclass(frozen=True)
class ByRows:
    """The preconditioner of `mic-cg` on the assembled matrix, without knowledge of the grid."""

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        return ModifiedIncompleteCholesky().build(Sparse(operator.to_sparse(), operator.tags))


SOLVERS = (
    OURS,
    ("cg+mic", make_solver("cg", {"preconditioner": "modified-incomplete-cholesky"})),
    (BY_ROWS, make_solver("cg", {"preconditioner": ByRows()})),
    *PEERS,
)


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure on small and medium-sized systems of every kind."""
    plane = squares(16, 24) if quick else squares(16, 32, 64, 128, 256)
    space = cubes(8) if quick else cubes(8, 16, 32, 64)
    cases: list[Case] = family("poisson 2-D", problems.poisson, plane)
    cases += family("poisson 2-D obstacles", problems.poisson, plane, obstacles=6)
    cases += family("poisson 3-D obstacles", problems.poisson, space, obstacles=6)
    cases += family("poisson 2-D neumann", problems.poisson, plane, boundary="neumann")
    cases += family("diffusion 2-D jumps 1e6", problems.diffusion, plane, contrast=1e6)
    cases += family("diffusion 3-D jumps 1e6", problems.diffusion, space, contrast=1e6)
    cases += family("diffusion 2-D rotated", problems.diffusion, plane, coefficient="rotated")
    return measure("mic", cases, SOLVERS, repeat=2 if quick else 3, hopeless=30.0)


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per case: the times of `mic-cg`, and those of the others relative to it."""
    table = Table("problem", "unknowns", "iterations", "prepare ms", "solve ms", "by rows", "fastest peer", "")
    for ours in (row for row in rows if row["solver"] == OURS and row["converged"]):
        case = [
            r for r in rows if (r["family"], r["unknowns"]) == (ours["family"], ours["unknowns"]) and r["converged"]
        ]
        times = {row["solver"]: row["total"]["median"] / ours["total"]["median"] for row in case}
        peer = min(set(PEERS) & set(times), key=times.__getitem__, default=None)
        table.add_row(
            *(ours["family"], f"{ours['unknowns']:,}", str(ours["iterations"])),
            *(f"{1e3 * ours[phase]['median']:.2f}" for phase in ("prepare", "solve")),
            f"{times[BY_ROWS]:.1f}x" if BY_ROWS in times else "-",
            *((f"{times[peer]:.1f}x", peer) if peer else ("-", "")),
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time per unknown against the size."""
    return plot_time(rows, PANELS)


SUITE = Suite("mic", "What do sweeps adapted to grids gain, and where is mic-cg fastest?", run, summary, plot)
