"""Plots and HTML pages of comparisons."""

from __future__ import annotations

import base64
import html
import io
from statistics import median
from typing import TYPE_CHECKING

from ritz.comparing.results import ComparisonResults
from ritz.comparing.tables import comparison_cells, seconds_text
from ritz.plotting.solution_plot import plot_history, styled_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison_page", "plot_comparison"]


def plot_comparison(comparison: ComparisonResults) -> Figure:
    """Plot convergence histories beside times; bars show medians, whiskers the extremes."""
    rows = comparison.measurements
    with styled_figure((12.5, max(4.4, 0.42 * len(rows) + 2.2))) as (figure, colours):
        left, right = figure.subplots(1, 2)
        for position, row in enumerate(rows):
            colour = colours[position % len(colours)]
            label = row.solver if row.converged else f"{row.solver} ({row.outcome})"
            if row.history.size:
                odd = (position + position // len(colours)) % 2  # so that both of two coinciding curves are visible
                dashes = (0, (4, 2)) if odd else "-"
                plot_history(left, row.history, color=colour, label=label, linestyle=dashes, zorder=2 + odd)
            if not row.total:
                right.text(0.01, position, row.outcome, va="center", transform=right.get_yaxis_transform())
                continue
            prepare, total = median(row.prepare), median(row.total)
            right.barh(position, prepare, color=colour, alpha=0.4)
            right.barh(position, total - prepare, left=prepare, color=colour)
            whiskers = [[total - min(row.total)], [max(row.total) - total]]
            right.errorbar(total, position, xerr=whiskers, color="black", capsize=3, linewidth=1)
            outcome = f"{row.ratio:.2f}×" if row.ratio == row.ratio else "" if row.converged else row.outcome
            text = f"{seconds_text(total)} s" + (f"  ({outcome})" if outcome else "")
            right.annotate(text, (max(row.total), position), (6, 0), textcoords="offset points", va="center")
        counts = [row.history.size for row in rows if row.history.size > 1]
        if counts and max(counts) > 20 * min(counts):
            left.set_xscale("symlog", linthresh=10)
        left.axhline(comparison.controls["rtol"], color="black", linewidth=1, linestyle=":", label="tolerance")
        left.set_title("convergence")
        left.legend(fontsize=9)
        right.set_yticks(range(len(rows)), [row.solver for row in rows])
        right.set_ylim(len(rows) - 0.5, -0.5)
        right.margins(x=0.3)
        right.set_xlim(left=0.0)
        right.grid(visible=False, axis="y")
        right.set_xlabel("seconds (pale: prepare, full: solve)")
        right.set_title("time")
        figure.suptitle(f"{comparison.name}: {comparison.conditions}", fontsize=11)
    return figure


def comparison_page(comparison: ComparisonResults) -> str:
    """Return a comparison as a self-contained HTML page."""
    escape = html.escape
    body: list[str] = []
    headings, cells = comparison_cells(comparison)
    for row, texts in zip(comparison.measurements, cells, strict=True):
        name, *rest = map(escape, texts)
        kind = "good" if row.converged else "bad"
        body.append(
            f'<tr class="{kind}"><th scope="row">{name}</th>' + "".join(f"<td>{c}</td>" for c in rest) + "</tr>"
        )
        if row.remark:
            body.append(f'<tr class="note"><td colspan="{len(headings)}">{escape(row.remark)}</td></tr>')
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    pictures = [_embedded(plot_comparison(comparison), "convergence histories and times")]
    if comparison.solution is not None:
        pictures.append(_embedded(comparison.solution.plot(), "solution and its residual history"))
    facts = {**comparison.environment, **comparison.environment["versions"]}
    del facts["versions"]
    facts["memory"] = f"{facts['memory'] / 2**30:.1f} GiB" if facts["memory"] else None
    listed = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
        if value is not None
    )
    return PAGE.format(
        name=escape(comparison.name),
        conditions=escape(comparison.conditions),
        baseline=escape(comparison.baseline),
        heads=heads,
        rows="\n".join(body),
        pictures="\n".join(pictures),
        environment=listed,
    )


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: solvers compared</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.3rem }} h2 {{ font-size: 1.05rem; margin-top: 2rem }}
table {{ border-collapse: collapse }} th, td {{ padding: .25rem .8rem; text-align: right }}
th:first-child, .note td {{ text-align: left; font-weight: 500 }}
thead th {{ border-bottom: 2px solid #444 }} tbody tr {{ border-bottom: 1px solid #e4e4e4 }}
.results {{ font-variant-numeric: tabular-nums }} .bad td:last-child {{ color: #b3261e; font-weight: 600 }}
.note td {{ color: #6b6b6b; font-size: .87rem }} .environment td {{ text-align: left }}
img {{ max-width: 100%; height: auto }} p {{ color: #555; max-width: 50rem }}
</style>
</head>
<body>
<h1>{name}</h1>
<p>{conditions}</p>
<table class="results"><thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table>
<p>Times are medians over the rounds; ± is half the range of the solve time. Residuals are recomputed from the
solutions. Ratio: total time relative to {baseline}.</p>
<h2>Pictures</h2>
{pictures}
<h2>Environment</h2>
<table class="environment"><tbody>{environment}</tbody></table>
</body>
</html>
"""


def _embedded(figure: Figure, description: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(description)}" src="data:image/png;base64,{data}">'
