"""Separable systems on boxes: ``transform`` against SciPy's transforms along all axes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import reduce
from statistics import median
from typing import Any

import numpy as np
import scipy.fft
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.harness import RTOL, Suite
from ritz.backend import single_blas_thread
from ritz.comparing.environment import environment
from ritz.operators import Stencil
from ritz.problem_types.linear_system import LinearSystem
from ritz.solvers.direct import Transform

CASES: dict[str, dict[str, Any]] = {
    "Dirichlet, vertex (DST-I)": {"boundary": "dirichlet", "centering": "vertex"},
    "Dirichlet, cell (DST-II)": {"boundary": "dirichlet"},
    "Neumann (DCT-II)": {"boundary": "neumann"},
    "periodic (DFT)": {"boundary": "periodic"},
}
TARGET = 2.0
ROUNDS = 5
LEAST = 0.002  # least time of one measurement in seconds; shorter solves are repeated


def sizes(dimension: int, quick: bool) -> list[int]:
    """Return side lengths: multiples of eight in 2-D or of four in 3-D, and all primes in between."""
    if quick:
        return [12, 13]
    low, high, step = {2: (100, 600, 8), 3: (32, 160, 4)}[dimension]
    return [n for n in range(low, high + 1) if n % step == 0 or all(n % p for p in range(2, int(n**0.5) + 1))]


def peer(operator: Stencil, case: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a plain solver with SciPy's transforms along all axes and precomputed inverse eigenvalues."""
    shape, real = operator.grid_shape, case.startswith("periodic")
    lines = [_eigenvalues(case, n, operator.spacing[axis]) for axis, n in enumerate(shape)]
    if real:
        lines[-1] = lines[-1][: shape[-1] // 2 + 1]
    sums: np.ndarray = reduce(np.add.outer, lines)
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 1e-12 * sums.max())
    if real:

        def solve(rhs: np.ndarray) -> np.ndarray:
            there: Any = scipy.fft.rfftn(rhs.reshape(shape), workers=1)
            there *= inverse
            back: Any = scipy.fft.irfftn(there, shape, workers=1, overwrite_x=True)
            return back.ravel()

        return solve
    there_by, back_by = (scipy.fft.dctn, scipy.fft.idctn) if "DCT" in case else (scipy.fft.dstn, scipy.fft.idstn)
    kind = 1 if case.endswith("DST-I)") else 2

    def solve_real(rhs: np.ndarray) -> np.ndarray:
        there: Any = there_by(rhs.reshape(shape), type=kind, workers=1)
        there *= inverse
        back: Any = back_by(there, type=kind, workers=1, overwrite_x=True)
        return back.ravel()

    return solve_real


def _eigenvalues(case: str, n: int, spacing: float) -> np.ndarray:
    k = np.arange(n)
    angle = {"DST-I)": (k + 1) / (n + 1), "DST-II)": (k + 1) / n, "DCT-II)": k / n, "DFT)": 2 * k / n}[
        case.split("(")[1]
    ]
    return (2.0 * np.sin(0.5 * np.pi * angle) / spacing) ** 2


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure over side lengths and boundary conditions in two and three dimensions."""
    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    found = environment()
    for dimension in (2, 3):
        for n in sizes(dimension, quick):
            console.print(f"transforms: {n}^{dimension}")
            for case in CASES:
                rows.append(_measure(case, (n,) * dimension, 1 if quick else ROUNDS) | {"environment": found})
    return rows


def _measure(case: str, shape: tuple[int, ...], rounds: int) -> dict[str, Any]:
    operator = Stencil(shape, spacing=1.0 / shape[0], **CASES[case])
    rhs = np.random.default_rng(0).standard_normal(operator.shape[0])
    if operator.nullspace is not None:
        rhs -= rhs.mean()
    plain = peer(operator, case)
    start = time.perf_counter()
    prepared = Transform().prepare(LinearSystem(operator, rhs))
    prepare = time.perf_counter() - start
    assert prepared.apply is not None
    ours = prepared.apply
    with single_blas_thread():
        residuals = [_residual(operator, solve(rhs), rhs) for solve in (plain, ours)]
        times = _interleaved([lambda: plain(rhs), lambda: ours(rhs), lambda: prepared.solve()], rounds)
    middle = [median(seconds) for seconds in times]
    return {
        "suite": "transforms",
        "family": f"{case}, {len(shape)}-D",
        "side": shape[0],
        "unknowns": operator.shape[0],
        "converged": max(residuals) <= RTOL,
        "residual": max(residuals),
        "prepare": prepare,
        "peer": middle[0],
        "apply": middle[1],
        "solve": middle[2],
        "ratio": middle[0] / middle[1],
        "complete": middle[0] / middle[2],
        "route": prepared.stats["route"],
    }


def _residual(operator: Stencil, x: np.ndarray, rhs: np.ndarray) -> float:
    return float(np.linalg.norm(rhs - operator @ x) / np.linalg.norm(rhs))


def _interleaved(functions: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return processor times, which other load disturbs least; everything timed here uses one thread."""
    repeats: list[int] = []
    for function in functions:
        function()
        start = time.thread_time()
        function()
        repeats.append(1 + int(LEAST / (time.thread_time() - start + 1e-9)))
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, repeat, mine in zip(functions, repeats, times, strict=True):
            start = time.thread_time()
            for _ in range(repeat):
                function()
            mine.append((time.thread_time() - start) / repeat)
    return times


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per family: the smallest, median and largest ratio, and how often it is below the target."""
    table = Table("family", "sizes", "least ratio", "at side", "median", "largest", f"below {TARGET:g}", "complete")
    for family in dict.fromkeys(row["family"] for row in rows):
        mine = [row for row in rows if row["family"] == family]
        ratios = [row["ratio"] for row in mine]
        least = min(mine, key=lambda row: row["ratio"])
        complete = [row["complete"] for row in mine]
        table.add_row(
            *(family, str(len(mine)), f"{least['ratio']:.2f}", str(least["side"]), f"{median(ratios):.2f}"),
            *(f"{max(ratios):.1f}", str(sum(ratio < TARGET for ratio in ratios))),
            f"{min(complete):.2f} to {max(complete):.1f}",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the ratio against the side length, with one panel per dimension."""
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    for number, panel in enumerate(figure.subplots(1, 2)):
        for at, case in enumerate(CASES):
            mine = [row for row in rows if row["family"] == f"{case}, {number + 2}-D"]
            points = [(row["side"], row["ratio"]) for row in mine]
            panel.plot(
                *zip(*points, strict=True),
                linestyle="none",
                color=f"C{at}",
                marker="os^D"[at],
                markersize=3,
                label=case,
            )
        panel.axhline(1.0, color="0.4", linestyle="--", linewidth=1)
        panel.axhline(TARGET, color="0.4", linestyle=":", linewidth=1)
        panel.set(yscale="log", xlabel="unknowns along each side", title=f"{number + 2}-D")
        panel.set_ylabel("time of SciPy's transforms / ours")
        panel.grid(alpha=0.3, which="both")
    figure.axes[0].legend(fontsize=8)
    return figure


SUITE = Suite(
    "transforms", "Is transform twice as fast as SciPy's transforms along all axes, at every size?", run, summary, plot
)
