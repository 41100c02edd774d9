"""Pictures of solutions and comparisons, and a comparison as one HTML page."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.tables import comparison_cells, seconds_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ritz.comparison import Comparison
    from ritz.solution import Solution

__all__ = ["comparison_page", "plot_comparison", "plot_field", "plot_solution"]

SOLID = "#b8b8b8"
POINTS = 20_000  # of a line, beyond which it is thinned


def plot_solution(solution: Solution) -> Figure:
    """Draw a solution on its grid beside the history of its residual.

    Parameters
    ----------
    solution : Solution
        A plane grid is drawn as a picture, a line grid as a line, a solid grid as its three middle planes; without
        a grid the values are drawn by index. Obstacles are grey. Of a block, the first column is drawn; of a
        trajectory, the last step, with the residuals of every step.

    Returns
    -------
    matplotlib.figure.Figure
        Not tied to pyplot: show it in a notebook, or ``.savefig`` it.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> figure = plot_solution(ritz.solve(np.diag([1.0, 2.0]), np.ones(2), "cg"))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['x', 'relative residual']
    """
    grid, values = solution.grid, to_numpy(solution.x)
    values, name = (values, "") if values.ndim == 1 else (values[:, 0], f" (column 1 of {values.shape[1]})")
    if np.iscomplexobj(values):
        values, name = np.real(values), f"{name}, real part"
    solid = grid is not None and grid.dimension == 3
    with _figure((11.5, 8.6) if solid else (11.5, 4.4)) as (figure, colours):
        if solid:
            panels = figure.subplots(2, 2).ravel()
            plot_field(panels[:3], grid, values)
        else:
            panels = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
            plot_field(panels[:1], grid, values)
            panels[0].set_title("solution" + name)
        if solid and name:
            figure.suptitle("solution" + name)
        steps: Sequence[Solution] = getattr(solution, "steps", ()) or (solution,)
        for step in steps:
            _plot_history(panels[-1], step.history, color=colours[0], alpha=max(0.15, 1.0 / len(steps) ** 0.5))
        panels[-1].set_title(f"{solution.solver or 'solver'}: {solution.status.name.lower().replace('_', ' ')}")
    return figure


def plot_field(panels: Sequence[Axes], grid: Grid | None, x: np.ndarray) -> None:
    """Draw unknowns into one panel, or into three for a solid grid.

    Parameters
    ----------
    panels : sequence of Axes
        Three for a 3-D grid, which get its middle planes; one otherwise.
    grid : Grid or None
        None, or one of more than three dimensions, draws the values by index.
    x : ndarray, shape (grid.size,)
    """
    if grid is None or grid.dimension > 3:
        _plot_line(panels[0], np.arange(x.size), x, "index", "x")
        return
    field = grid.field(x)
    if grid.dimension == 1:
        _plot_line(panels[0], grid.axes[0], field, "x", "u")
        return
    finite = field[np.isfinite(field)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    signed = low < 0 < high and min(-low, high) > 0.1 * max(-low, high)
    if signed:
        low, high = -max(-low, high), max(-low, high)
    shades = {"cmap": _shades("RdBu_r" if signed else "viridis"), "vmin": low, "vmax": high}
    if grid.dimension == 2:
        image = _plot_plane(panels[0], grid.axes, field, "xy", shades)
        panels[0].figure.colorbar(image, ax=panels[0], label="u", shrink=0.85)
        return
    image: Any = None
    for panel, normal in zip(panels, (2, 1, 0), strict=True):
        middle = grid.shape[normal] // 2
        kept = [axis for axis in range(3) if axis != normal]
        plane = np.take(field, middle, axis=normal)
        names = "".join("xyz"[axis] for axis in kept)
        image = _plot_plane(panel, [grid.axes[axis] for axis in kept], plane, names, shades)
        panel.set_title(f"{'xyz'[normal]} = {grid.axes[normal][middle]:.3g}")
    panels[0].figure.colorbar(image, ax=list(panels), label="u", shrink=0.6)


def plot_comparison(comparison: Comparison) -> Figure:
    """Draw the convergence of every solver beside the time each takes; bars are medians, whiskers the extremes."""
    rows = comparison.measurements
    with _figure((12.5, max(4.4, 0.42 * len(rows) + 2.2))) as (figure, colours):
        left, right = figure.subplots(1, 2)
        for position, row in enumerate(rows):
            colour = colours[position % len(colours)]
            label = row.solver if row.converged else f"{row.solver} ({row.outcome})"
            if row.history.size:
                odd = (position + position // len(colours)) % 2  # so that curves that coincide are both seen
                dashes = (0, (4, 2)) if odd else "-"
                _plot_history(left, row.history, color=colour, label=label, linestyle=dashes, zorder=2 + odd)
            if not row.total:
                right.text(0.01, position, row.outcome, va="center", transform=right.get_yaxis_transform())
                continue
            prepare, total = median(row.prepare), median(row.total)
            right.barh(position, prepare, color=colour, alpha=0.4)
            right.barh(position, total - prepare, left=prepare, color=colour)
            whiskers = [[total - min(row.total)], [max(row.total) - total]]
            right.errorbar(total, position, xerr=whiskers, color="black", capsize=3, linewidth=1)
            verdict = f"{row.ratio:.2f}×" if row.ratio == row.ratio else "" if row.converged else row.outcome
            text = f"{seconds_text(total)} s" + (f"  ({verdict})" if verdict else "")
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
        figure.suptitle(f"{comparison.name}: {comparison.terms}", fontsize=11)
    return figure


def comparison_page(comparison: Comparison) -> str:
    """Return a comparison as one HTML page that needs nothing from elsewhere."""
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
        terms=escape(comparison.terms),
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
<p>{terms}</p>
<table class="results"><thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table>
<p>Medians over the rounds; ± is half the range of the solve time. The residual is recomputed from each answer.
Ratio: total time over that of {baseline}.</p>
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


@contextmanager
def _figure(size: tuple[float, float]) -> Generator[tuple[Figure, list[str]]]:
    """Give a figure in the style of all figures, and the colours of that style."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    from ritz.figures.style import ritz_style

    with ritz_style():
        yield Figure(figsize=size, layout="constrained"), rcParams["axes.prop_cycle"].by_key()["color"]


def _plot_history(panel: Axes, history: np.ndarray, **style: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    values = np.where(np.isfinite(history) & (history > 0), history, np.nan)
    steps = _thinned(values.size)
    marker = "o" if np.isfinite(values).sum() < 3 else None
    panel.semilogy(steps, values[steps], marker=marker, **style)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel("iteration")
    panel.set_ylabel("relative residual")


def _plot_line(panel: Axes, positions: np.ndarray, values: np.ndarray, along: str, name: str) -> None:
    kept = _thinned(values.size)
    panel.plot(positions[kept], values[kept], marker="." if values.size < 60 else None)
    panel.set_xlabel(along)
    panel.set_ylabel(name)


def _plot_plane(panel: Axes, axes: Sequence[np.ndarray], plane: np.ndarray, names: str, shades: dict[str, Any]) -> Any:
    """Draw a plane with its first axis across, whether its spacing is even or not."""
    first, second = axes
    masked = np.ma.masked_invalid(plane.T)
    try:
        dx, dy = Grid((first, second)).spacing
        extent = (first[0] - dx / 2, first[-1] + dx / 2, second[0] - dy / 2, second[-1] + dy / 2)
        image = panel.imshow(masked, origin="lower", extent=extent, interpolation="nearest", **shades)
    except InvalidProblem:
        image = panel.pcolormesh(first, second, masked, shading="nearest", **shades)
    panel.set_aspect("equal")
    panel.set_facecolor(SOLID)
    panel.grid(visible=False)
    panel.set_xlabel(names[0])
    panel.set_ylabel(names[1])
    return image


def _shades(name: str) -> Any:
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=SOLID)


def _thinned(count: int) -> np.ndarray:
    """Return the indices of at most about `POINTS` of `count` points, the last among them."""
    return np.unique(np.append(np.arange(0, count, max(1, count // POINTS)), max(count - 1, 0)))
