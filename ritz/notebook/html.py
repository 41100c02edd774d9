"""What notebooks show of problems, operators, solutions and comparisons: a table and a small picture."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

import numpy as np

__all__ = ["html_of", "image_html", "pairs_html", "sparkline"]

SIDE = 40  # pixels of a picture along its longer side
LONGEST = 60  # characters of a value
ROWS = 12
# Fifteen colours of viridis as red, green and blue in hexadecimal, then grey for what has no value.
COLOURS = "440154481a6c472f7d414487 39568c31688e2a788e23888e 1f988b22a88435b77954c568 7ad151a5db36d2e21bb8b8b8".replace(
    " ", ""
)


def html_of(value: Any) -> str:
    """Return a table of what an object consists of, and a picture of it, as HTML of less than 3 kB.

    Arrays appear with their shape and dtype alone.

    Examples
    --------
    >>> import ritz
    >>> "symmetric" in html_of(ritz.problems.poisson((8, 8)).operator)
    True
    """
    if hasattr(value, "history") and hasattr(value, "status"):
        rows, picture = _of_solution(value), _picture(value.grid, value.x) or sparkline(value.history)
    elif hasattr(value, "tags") and hasattr(value, "shape"):
        rows = {"shape": f"{value.shape[0]:,} × {value.shape[1]:,}", "dtype": value.dtype}
        rows["tags"] = ", ".join(sorted(tag.value for tag in value.tags)) or "none"
        picture = _pattern(value)
    else:
        rows = {name: part for name, part in _parts(value) if part is not None and not name.startswith("_")}
        picture = _picture(getattr(value, "grid", None), getattr(value, "rhs", None))
    return f"<div><b>{escape(type(value).__name__)}</b>{picture}{pairs_html(rows)}</div>"


def pairs_html(rows: Mapping[str, Any]) -> str:
    """Return a table of two columns."""
    cells = [f"<tr><td>{escape(str(name))}</td><td>{_brief(value)}</td></tr>" for name, value in [*rows.items()][:ROWS]]
    return f"<table>{''.join(cells)}</table>"


def sparkline(history: Any) -> str:
    """Return residuals on a logarithmic scale as a small drawing."""
    values = np.asarray(history, dtype=np.float64)
    values = np.log10(np.where(np.isfinite(values) & (values > 0), values, np.nan))
    places = np.flatnonzero(np.isfinite(values))
    if places.size < 2:
        return ""
    places = places[np.unique(np.linspace(0, places.size - 1, SIDE).round().astype(int))]
    x = 118 * places / places[-1] + 1
    y = 1 + 38 * (values[places].max() - values[places]) / (np.ptp(values[places]) or 1.0)
    line = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))
    return (
        '<svg width="120" height="40" role="img" aria-label="residual history">'
        f'<polyline points="{line}" fill="none" stroke="#0b5fa5" stroke-width="1.5"/></svg>'
    )


def image_html(plane: np.ndarray, description: str) -> str:
    """Return a picture of at most `SIDE` pixels a side of an array (horizontal, vertical), in sixteen colours."""
    step = max(1, -(-max(plane.shape) // SIDE))
    plane = plane[::step, ::step].T[::-1]
    finite = np.isfinite(plane)
    if not finite.any():
        return ""
    low, high = float(plane[finite].min()), float(plane[finite].max())
    scale = (high - low) or 1.0
    shade = np.where(finite, np.clip(15 * (np.where(finite, plane, low) / scale - low / scale), 0, 14), 15)
    png = _png(shade.astype(np.uint8))
    width, height = 4 * plane.shape[1], 4 * plane.shape[0]
    data = base64.b64encode(png).decode()
    return (
        f'<img width="{min(width, 160)}" height="{min(height, 160)}" alt="{escape(description)}"'
        f' style="image-rendering:pixelated" src="data:image/png;base64,{data}">'
    )


def _of_solution(solution: Any) -> dict[str, Any]:
    seconds = sum(solution.timings.get(phase, 0.0) for phase in ("prepare", "solve"))
    return {
        "solver": solution.solver,
        "status": solution.status.name,
        "iterations": solution.iterations,
        "residual": f"{solution.residual:.2e}",
        "time": f"{seconds:.3g} s",
        "x": solution.x,
        "chosen": solution.stats.get("chosen", "by name"),
    }


def _parts(value: Any) -> list[tuple[str, Any]]:
    if is_dataclass(value):
        return [(option.name, getattr(value, option.name, None)) for option in fields(value)]
    return [("", repr(value))]


def _brief(value: Any) -> str:
    """Return a few words about a value; arrays are never written out."""
    if hasattr(value, "tags") or hasattr(value, "axes"):
        shape = " × ".join(f"{n:,}" for n in value.shape)
        text = f"{type(value).__name__} {shape}"
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        text = f"{value.dtype}, {' × '.join(f'{n:,}' for n in value.shape) or 'a number'}"
    elif callable(value):
        text = f"function {getattr(value, '__name__', type(value).__name__)}"
    elif isinstance(value, Mapping):
        text = f"{len(value)} entries: {', '.join(map(str, list(value)[:6]))}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        small = len(value) <= 6 and all(isinstance(part, (int, float, str, bool, tuple)) for part in value)
        text = str(value) if small else f"{type(value).__name__} of {len(value)}"
    elif value is None or isinstance(value, (str, int, float, bool, np.number, np.dtype)):
        text = str(value)
    else:
        text = type(value).__name__
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _picture(grid: Any, values: Any) -> str:
    """Return a picture of a field on a grid of two or three dimensions, or nothing."""
    if grid is None or values is None or grid.dimension not in (2, 3) or getattr(values, "ndim", 0) != 1:
        return ""
    try:
        field = np.real(grid.field(values))
    except ValueError:  # several fields on one grid
        return ""
    return image_html(field if grid.dimension == 2 else field[:, :, field.shape[2] // 2], "field")


def _pattern(operator: Any) -> str:
    """Return a picture of where a sparse matrix has entries, or nothing."""
    matrix: Any = getattr(operator, "matrix", None)
    if not hasattr(matrix, "tocoo"):
        return ""
    matrix = matrix.tocoo()
    rows, columns = matrix.shape
    side = min(SIDE, max(rows, columns))
    count = np.zeros((side, side))
    place = (
        side * np.asarray(matrix.col, np.int64) // columns,
        side - 1 - side * np.asarray(matrix.row, np.int64) // rows,
    )
    np.add.at(count, place, 1.0)
    return image_html(np.sqrt(count), "entries")


def _png(shades: np.ndarray) -> bytes:
    """Return an image of four bits a pixel."""
    height, width = shades.shape
    even = np.pad(shades, ((0, 0), (0, width % 2)))
    packed = (even[:, ::2] << 4) | even[:, 1::2]
    lines = b"".join(b"\0" + row.tobytes() for row in packed)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)),
        (b"PLTE", bytes.fromhex(COLOURS)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
