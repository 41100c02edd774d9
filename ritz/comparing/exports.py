"""Comparisons as tables for other programs."""

from __future__ import annotations

import csv
import io
from statistics import median
from typing import TYPE_CHECKING, Any

from ritz.comparing.tables import comparison_cells
from ritz.extras import require

if TYPE_CHECKING:
    from ritz.comparing.results import ComparisonResults

__all__ = ["comparison_html", "csv_text", "data_frame", "latex_table", "rows_of"]

LATEX = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "–": "--",
        "±": r"$\pm$",
    }
)
"""What LaTeX reads otherwise than written."""
LINES = 20  # most solvers in a notebook


def rows_of(comparison: ComparisonResults) -> list[dict[str, Any]]:
    """Return one mapping a solver, with numbers in seconds and bytes; what was not measured is None."""
    return [
        {
            "solver": row.solver,
            "status": row.status.name if row.status else None,
            "converged": row.converged,
            "prepare": median(row.prepare) if row.prepare else None,
            "solve": median(row.solve) if row.solve else None,
            "iterations": row.iterations,
            "residual": row.residual,
            "error": row.error,
            "memory": row.memory,
            "ratio": row.ratio,
            "note": row.note,
        }
        for row in comparison.measurements
    ]


def data_frame(comparison: ComparisonResults) -> Any:
    """Return a ``pandas.DataFrame``, one row a solver."""
    return require("pandas", "files").DataFrame(rows_of(comparison))


def csv_text(comparison: ComparisonResults) -> str:
    """Return comma-separated values with a line of names."""
    rows = rows_of(comparison)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def latex_table(comparison: ComparisonResults) -> str:
    """Return the table as a ``tabular`` in the style of booktabs."""
    headings, cells = comparison_cells(comparison)
    lines = [" & ".join(cell.translate(LATEX) for cell in row) + r" \\" for row in [headings, *cells]]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join([f"\\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}", *body, r"\end{tabular}", ""])


def comparison_html(comparison: ComparisonResults) -> str:
    """Return the table with a bar for the time of each solver, for notebooks."""
    from html import escape

    headings, cells = comparison_cells(comparison)
    times = [median(row.total) if row.converged else 0.0 for row in comparison.measurements]
    longest = max(times) or 1.0
    head = "".join(f"<th>{escape(heading)}</th>" for heading in (*headings, ""))
    lines: list[str] = []
    for row, seconds in list(zip(cells, times, strict=True))[:LINES]:
        bar = f'<hr style="width:{max(60 * seconds / longest, 1):.0f}px;border:3px solid #0b5fa5">' if seconds else ""
        lines.append(f"<tr>{''.join(f'<td>{escape(cell[:30])}</td>' for cell in row)}<td>{bar}</td></tr>")
    more = f"<p>and {len(cells) - LINES} more</p>" if len(cells) > LINES else ""
    return f"<div><b>{escape(comparison.name[:60])}</b><table><tr>{head}</tr>{''.join(lines)}</table>{more}</div>"
