"""Tables of results for terminals and pipes."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from ritz.comparing.measurement import Measurement
    from ritz.comparing.results import ComparisonResults
    from ritz.solution import Solution

__all__ = [
    "comparison_cells",
    "comparison_table",
    "console",
    "pairs_table",
    "seconds_text",
    "solution_table",
    "text_of",
]

PIPE_WIDTH = 160  # columns if the output is not a terminal, enough not to fold anything


def console(stderr: bool = False) -> Console:
    """Return a rich console for standard output or error, at least `PIPE_WIDTH` columns wide outside a terminal."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=max(made.width, PIPE_WIDTH))


def text_of(renderable: RenderableType) -> str:
    """Return what rich would print as plain text."""
    from rich.console import Console

    out = Console(file=io.StringIO(), width=PIPE_WIDTH, color_system=None, highlight=False)
    with out.capture() as captured:
        out.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def comparison_table(comparison: ComparisonResults) -> Table:
    """Return the table of a comparison; solvers that did not converge show their outcome instead of a ratio."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text.assemble((comparison.name, "bold"), "\n", (comparison.conditions, "dim")),
        title_justify="left",
        title_style="",
        caption=Text("\n".join(f"{row.solver}: {row.remark}" for row in comparison.measurements if row.remark)),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    headings, cells = comparison_cells(comparison)
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:  # on a narrow terminal names are folded, numbers never
        table.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    for row, (name, *numbers, last) in zip(comparison.measurements, cells, strict=True):
        bold = "bold" if row.solver == comparison.baseline else ""
        style = _ratio_style(row.ratio) if row.converged else _outcome_style(row)
        table.add_row(Text(name, bold), *map(Text, numbers), Text(last, style))
    return table


def comparison_cells(comparison: ComparisonResults) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the cells of each row as text.

    Errors get a column only if each solver discretises the problem in its own way, so that residuals of different
    solvers are not comparable.
    """
    columns = ["solver", "prepare s", "solve s", "iterations", "true residual", "error", "memory MB", "ratio"]
    if comparison.problem["unknowns"] is not None:
        columns.remove("error")
    rows: list[list[str]] = []
    for row in comparison.measurements:
        cells = {"solver": row.solver, "ratio": row.outcome}
        if row.converged:
            digits = 2 if row.ratio < 100 else 0
            cells["ratio"] = "–" if math.isnan(row.ratio) else f"{row.ratio:.{digits}f}"
        if row.solve:
            cells["prepare s"] = seconds_text(median(row.prepare))
            cells["solve s"] = seconds_text(median(row.solve)) + _spread_text(row.solve)
            cells["iterations"] = str(row.iterations)
            cells["true residual"] = f"{row.residual:.1e}"
            cells["error"] = "–" if math.isnan(row.error) else f"{row.error:.1e}"
        if row.memory is not None:
            cells["memory MB"] = f"{row.memory / 1e6:.{0 if row.memory >= 1e7 else 1}f}"
        rows.append([cells.get(column, "–") for column in columns])
    return columns, rows


def seconds_text(seconds: float) -> str:
    """Return a duration with three significant digits, but no finer than ten microseconds."""
    digits = 2 - math.floor(math.log10(seconds)) if seconds > 0 else 0
    return f"{seconds:.{min(max(digits, 0), 5)}f}"


def solution_table(name: str, solution: Solution, error: float) -> Table:
    """Return a two-column summary of a solution; `error` is left out if it is NaN."""
    from rich.text import Text

    chosen = solution.stats.get("chosen")
    rows: dict[str, Any] = {"problem": name, "unknowns": f"{solution.x.shape[0]:,}", "solver": solution.solver}
    if chosen and str(chosen) != solution.solver:
        rows["chosen"] = str(chosen)
    rows["status"] = Text(solution.status.name, "bold green" if solution.converged else "bold red")
    if not solution.converged:
        rows[""] = solution.status.value
    steps: Sequence[Solution] = getattr(solution, "steps", ()) or (solution,)
    if len(steps) > 1:
        rows["systems"] = str(len(steps))
    rows["iterations"] = str(sum(step.iterations for step in steps))
    rows["true residual"] = f"{max(step.residual for step in steps):.2e}"
    if not math.isnan(error):
        rows["error"] = f"{error:.2e}"
    scores: Mapping[str, float] = getattr(solution, "scores", {})
    if scores:
        rows["clusters"] = str(int(solution.x.max()) + 1)
        rows.update({name: f"{score:.3f}" for name, score in scores.items()})
    rows["prepare s"] = seconds_text(solution.timings.get("prepare", 0.0))
    rows["solve s"] = seconds_text(solution.timings.get("solve", 0.0))
    return pairs_table(rows)


def pairs_table(rows: Mapping[str, Any]) -> Table:
    """Return a two-column table of names and values, without lines."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), value if isinstance(value, Text) else Text(str(value)))
    return table


def _spread_text(seconds: Sequence[float]) -> str:
    """Return half the range in percent of the median, or nothing for a single value."""
    return "" if len(seconds) < 2 else f" ±{50 * (max(seconds) - min(seconds)) / max(median(seconds), 1e-12):.0f}%"


def _ratio_style(ratio: float) -> str:
    return "bold green" if ratio < 0.95 else ""


def _outcome_style(row: Measurement) -> str:
    return "bold red" if row.outcome in ("failed", "untrue") else "yellow"
