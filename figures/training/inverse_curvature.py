"""Cost and accuracy of products with inverse Fisher matrices, by window, size and damping."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.solvers.training import RecursiveInverse, SlidingInverse, WoodburyInverse

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "errors", "inverse_times", "plot", "refined_solve"]

Data: TypeAlias = dict[str, Any]

DAMPING = 1e-2
REFINEMENTS = 6


def inverse_times(size: int, window: int, repeat: int = 5, recursion: bool = True) -> dict[str, float]:
    """Return median seconds of set-ups and products with float32 gradients, measured in interleaved rounds.

    Parameters
    ----------
    size, window : int
        Number d of parameters and m of gradients.
    repeat : int
        Number of rounds.
    recursion : bool
        Whether to measure the static recursion as well.
    """
    generator = np.random.default_rng(0)
    G = generator.standard_normal((window, size), dtype=np.float32)
    x = generator.standard_normal((size, 16), dtype=np.float32)
    first = x[:, 0].copy()
    inverse = WoodburyInverse(G, DAMPING)
    sliding = SlidingInverse(size, window, DAMPING)
    for g in G:
        sliding.update(g)
    calls: dict[str, Callable[[], Any]] = {
        "two passes": lambda: G.T @ (G @ first),
        "product": lambda: inverse @ first,
        "of 16, each": lambda: inverse @ x,
        "update and product": lambda: sliding.update_and_multiply(first),
        "set-up": lambda: WoodburyInverse(G, DAMPING),
    }
    if recursion:
        calls["recursion"] = lambda: RecursiveInverse(G, DAMPING)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(repeat + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if round_:  # the first round is a warm-up
                seconds[name].append(time.perf_counter() - start)
    found = {name: median(times) for name, times in seconds.items()}
    found["of 16, each"] /= 16
    return found


def errors(size: int, window: int, damping: float, dtype: Any, gradient: bool = False) -> dict[str, float]:
    """Return the relative errors of three kinds of inverses against a dense solve, refined in extended precision.

    Parameters
    ----------
    size, window : int
        Number d of parameters and m of gradients.
    damping : float
    dtype : str
    gradient : bool
        Whether to multiply by the latest gradient, most of which the inverse cancels, instead of a random vector.
    """
    generator = np.random.default_rng(1)
    G = (generator.standard_normal((window, size)) * generator.uniform(0.1, 3.0, (window, 1))).astype(dtype)
    x = G[-1] if gradient else generator.standard_normal(size).astype(dtype)
    exact = refined_solve(G.astype(np.float64), damping, x)
    sliding = SlidingInverse(size, window, damping)
    for g in G:
        sliding.update(g)
    kinds = {
        "Woodbury": WoodburyInverse(G, damping),
        "recursion": RecursiveInverse(G, damping),
        "sliding window": sliding,
    }
    return {name: float(np.linalg.norm(inverse @ x - exact) / np.linalg.norm(exact)) for name, inverse in kinds.items()}


def refined_solve(G: np.ndarray, damping: float, x: np.ndarray) -> np.ndarray:
    """Return the product with the inverse of the dense matrix, with iterative refinement in extended precision.

    The error of a plain float64 solve is the condition number times machine epsilon, more than that of the inverses
    measured here.
    """
    wide, right = G.astype(np.longdouble), x.astype(np.longdouble)
    factors = lu_factor(damping * np.eye(G.shape[1]) + G.T @ G / len(G))
    found = np.zeros_like(right)
    for _ in range(REFINEMENTS):
        residual = right - damping * found - wide.T @ (wide @ found) / len(G)
        found += lu_solve(factors, residual.astype(np.float64))
    return found.astype(np.float64)


def compute(quick: bool = False) -> Data:
    """Return times by size and window, and errors by damping and dtype.

    Parameters
    ----------
    quick : bool
        Use small sizes and few windows.
    """
    from ritz.comparing.environment import pinned_threads

    sizes, windows = ((20_000,), (8, 32, 128)) if quick else ((100_000, 500_000), (8, 16, 32, 64, 128, 256))
    dampings = (1e-1, 1e-3, 1e-5, 1e-7)
    with pinned_threads(1):
        times = {
            size: {window: inverse_times(size, window, 3, size * window <= 2e7) for window in windows} for size in sizes
        }
        found = {
            dtype: {damping: errors(500 if quick else 1500, 64, damping, dtype, gradient=True) for damping in dampings}
            for dtype in ("float64", "float32")
        }
    return {"times": times, "errors": found}


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(11.4, 3.8), layout="constrained")
        left, middle, right = canvas.subplots(1, 3)
        for number, (size, by_window) in enumerate(data["times"].items()):
            style = ("-", "--")[number]
            for colour, name, label in ((0, "set-up", "Woodbury"), (1, "recursion", "recursion")):
                points = [(w, times[name]) for w, times in by_window.items() if name in times]
                left.loglog(
                    *zip(*points, strict=True), style, color=COLOURS[colour], marker="o", label=f"{label}, d = {size:,}"
                )
            for colour, name in enumerate(("product", "of 16, each", "update and product")):
                points = [(w, times[name] / times["two passes"]) for w, times in by_window.items()]
                label = None if number else "product, 16 at a time" if name == "of 16, each" else name
                middle.loglog(*zip(*points, strict=True), style, color=COLOURS[colour], marker="o", label=label)
        left.set(xlabel="window m", ylabel="seconds")
        left.set_title("Set-up", color=INK)
        left.legend(fontsize=7.5)
        middle.axhline(1.0, color=INK, linewidth=0.8, linestyle=":")
        middle.set(xlabel="window m", ylabel="time / time of two passes over G")
        middle.set_yticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
        middle.minorticks_off()
        middle.set_title("Products", color=INK)
        middle.legend(fontsize=7.5)
        for number, (dtype, by_damping) in enumerate(data["errors"].items()):
            for colour, name in enumerate(next(iter(by_damping.values()))):
                points = [(damping, found[name]) for damping, found in by_damping.items()]
                look = {"color": COLOURS[colour], "marker": "os"[number], "linestyle": ("-", "--")[number]}
                right.loglog(*zip(*points, strict=True), label=f"{name}, {dtype}", **look)
        right.set(xlabel="damping λ", ylabel="relative error")
        right.set_title("Product with a gradient", color=INK)
        right.legend(fontsize=7.5)
    return canvas


figure("inverse-curvature", compute, plot)
