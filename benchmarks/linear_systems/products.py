"""Stencil products against SciPy's sparse matrices and against the memory bandwidth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Suite
from ritz.comparing.environment import environment, pinned_threads
from ritz.operators import Stencil

from .cases import cubes, squares

KINDS = ("constant", "masked", "variable")
LARGE = 12_000_000  # numbers in each array of the triad, too many for any cache
SECONDS = 0.3  # approximate time for the rounds of a case
REFERENCE = "scipy csr"


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure products over sizes, kinds of coefficient and dtypes."""
    shapes = squares(24) + cubes(8) if quick else squares(128, 256, 512, 1024, 2048) + cubes(32, 64, 96, 128, 192)
    console, rows = Console(stderr=True), list[dict[str, Any]]()
    for shape in shapes:
        limits = {threads: triad_bandwidth(threads, LARGE // 100 if quick else LARGE) for threads in thread_numbers()}
        for dtype in ("float64",) if quick else ("float64", "float32"):
            for kind in KINDS:
                rows += products(stencil(kind, shape, dtype), kind, limits, 0.01 if quick else SECONDS)
        console.print(f"products: {shape}, triad {limits[1] / 1e9:.0f} GB/s")
    return rows


def stencil(kind: str, shape: tuple[int, ...], dtype: str) -> Stencil:
    """Return an operator with a constant coefficient, with two obstacles, or with a variable coefficient."""
    if kind == "constant":
        return Stencil(shape, dtype=dtype)
    if kind == "masked":
        solid = np.zeros(shape, dtype=bool)
        for low, high in ((0.2, 0.4), (0.6, 0.9)):
            solid[tuple(slice(int(low * cells), int(high * cells)) for cells in shape)] = True
        return Stencil(shape, solid=solid, solid_boundary="neumann", dtype=dtype)
    return Stencil(shape, coefficient=np.random.default_rng(0).uniform(0.5, 2.0, shape), dtype=dtype)


def bytes_moved(kind: str, operator: Stencil) -> int:
    """Return the bytes that a product must read and write, counting each number once."""
    number, dimension = operator.dtype.itemsize, len(operator.grid_shape)
    stored = {"constant": 0, "masked": number + 1, "variable": (1 + dimension) * number}[kind]
    return operator.shape[0] * (2 * number + stored)


def products(operator: Stencil, kind: str, limits: dict[int, float], seconds: float) -> list[dict[str, Any]]:
    """Return one row per method, with products measured in interleaved rounds.

    Parameters
    ----------
    operator : Stencil
    kind : str
        One of `KINDS`.
    limits : dict
        Bandwidth of the triad by number of threads, in bytes per second.
    seconds : float
        Approximate time for all rounds.
    """
    x = np.random.default_rng(1).standard_normal(operator.shape[0]).astype(operator.dtype)
    matrix = operator.to_sparse()
    methods: dict[str, tuple[Any, int]] = {REFERENCE: (matrix, 1), "scipy dia": (matrix.todia(), 1)}
    methods |= {f"stencil, {threads} threads" if threads > 1 else "stencil": (operator, threads) for threads in limits}
    times = in_turn([(lambda m=m: m @ x, threads) for m, threads in methods.values()], seconds)
    expected = matrix @ x
    rows: list[dict[str, Any]] = []
    for (name, (factor, threads)), spent in zip(methods.items(), times, strict=True):
        middle = median(spent)
        ratio = middle / median(times[0])
        rows.append(
            {
                "suite": "products",
                "family": f"{kind} {len(operator.grid_shape)}-D {operator.dtype}",
                "kind": kind,
                "shape": list(operator.grid_shape),
                "unknowns": operator.shape[0],
                "dtype": str(operator.dtype),
                "solver": name,
                "seconds": {"median": middle, "min": min(spent), "max": max(spent)},
                "ratio": ratio,
                "triad": limits[threads],
                "share": bytes_moved(kind, operator) / middle / limits[threads] if factor is operator else None,
                "residual": float(np.linalg.norm(factor @ x - expected) / np.linalg.norm(expected)),
                "environment": environment(threads=threads),
            }
        )
    return rows


def in_turn(methods: Sequence[tuple[Callable[[], Any], int]], seconds: float) -> list[list[float]]:
    """Return the times of functions over interleaved rounds, each on its own number of threads."""

    def timed(function: Callable[[], Any], threads: int) -> float:
        with pinned_threads(threads):
            function()  # brings its data back into the cache
            start = time.perf_counter()
            function()
            return time.perf_counter() - start

    first = sum(timed(*method) for method in methods)
    rounds = max(5, min(100, int(seconds / max(first, 1e-6))))
    return [list(column) for column in zip(*([timed(*m) for m in methods] for _ in range(rounds)), strict=True)]


def thread_numbers() -> tuple[int, ...]:
    """Return the numbers of threads to measure with: one, and two if kernels may use them."""
    from ritz.kernels.parallel_chunks import thread_limit

    return (1, 2) if thread_limit() > 1 else (1,)


def triad_bandwidth(threads: int, size: int) -> float:
    """Return the bandwidth of ``a = b + 3 c`` in bytes per second, as in STREAM, on arrays of `size` numbers."""
    from numba import njit

    from ritz.kernels.parallel_chunks import in_parallel_chunks

    @njit(nogil=True)
    def triad(first: int, last: int, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
        a, b, c = a[first:last], b[first:last], c[first:last]
        for i in range(a.size):
            a[i] = b[i] + 3.0 * c[i]

    arrays = [np.ones(size) for _ in range(3)]
    moved = 3 * arrays[0].nbytes
    [times] = in_turn([(lambda: in_parallel_chunks(triad, size, moved, *arrays), threads)], 0.2)
    return moved / median(times)


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per case."""
    table = Table(
        "grid", "coefficient", "dtype", "ns per cell", "x csr", "x dia", "of triad", "2 threads: x 1", "of triad"
    )
    for case in cases(rows):
        one, csr, dia = (case[name] for name in ("stencil", REFERENCE, "scipy dia"))
        cells = [f"{1e9 * each(one) / one['unknowns']:.2f}", f"{each(csr) / each(one):.1f}"]
        cells += [f"{each(dia) / each(one):.1f}", f"{one['share']:.2f}"]
        if two := case.get("stencil, 2 threads"):
            cells += [f"{each(one) / each(two):.2f}", f"{two['share']:.2f}"]
        table.add_row("x".join(map(str, one["shape"])), one["kind"], one["dtype"], *cells)
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the speed-up over CSR and the fraction of the triad's bandwidth against the size."""
    figure = Figure(figsize=(10.5, 7.5), layout="constrained")
    panels = figure.subplots(2, 2, sharex="col", sharey="row")
    for column, dimension in enumerate((2, 3)):
        for number, (kind, dtype) in enumerate((kind, dtype) for kind in KINDS for dtype in ("float64", "float32")):
            chosen = [case for case in cases(rows) if case["stencil"]["family"] == f"{kind} {dimension}-D {dtype}"]
            size = [case["stencil"]["unknowns"] for case in chosen]
            line = {"color": f"C{number // 2}", "marker": "os"[number % 2], "linestyle": ("-", "--")[number % 2]}
            faster = [each(case[REFERENCE]) / each(case["stencil"]) for case in chosen]
            panels[0, column].plot(size, faster, label=f"{kind}, {dtype}", **line)
            panels[1, column].plot(size, [case["stencil"]["share"] for case in chosen], **line)
        panels[0, column].set_title(f"{dimension}-D, one thread")
        panels[1, column].set(xscale="log", xlabel="unknowns")
        panels[1, column].axhline(1.0, color="0.4", linestyle=":", linewidth=1)
    panels[0, 0].set_ylabel("time of SciPy's CSR / time of the stencil")
    panels[1, 0].set_ylabel("fraction of the triad bandwidth")
    panels[0, 0].legend(fontsize=8)
    for panel in panels.flat:
        panel.set_ylim(bottom=0.0)
        panel.grid(alpha=0.3)
    return figure


def cases(rows: list[dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """Return the rows of each case by method."""
    found: dict[Any, dict[str, dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["family"], row["unknowns"]), {})[row["solver"]] = row
    return list(found.values())


def each(row: dict[str, Any]) -> float:
    """Return the median time of one product."""
    return row["seconds"]["median"]


SUITE = Suite("products", "How fast are products, and how near to what memory can deliver?", run, summary, plot)
