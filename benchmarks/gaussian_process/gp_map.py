"""Joint MAP ascent of a Gaussian process: closed formulas against automatic differentiation over all pairs."""

from __future__ import annotations

import math
import time
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

import ritz
from benchmarks.harness import Suite
from ritz.backend import single_torch_thread
from ritz.comparing.environment import environment
from ritz.problem_types.pde.fields import evaluate
from ritz.solvers.gaussian_process.grid_data import GridData, grid_data
from ritz.solvers.gaussian_process.maximum_a_posteriori.joint_map import JITTER, JointMap, joint_map

STEPS = 96  # number of steps of the published error
PUBLISHED = 0.2756


def high_frequency(nodes: int) -> GridData:
    """Return the data of u'' = f with the solution sin 100x on a uniform grid of [0, 2 pi]."""
    pde = ritz.PDE(
        (0.0, 2.0 * math.pi),
        {2: 1.0},
        source=lambda x: -1e4 * np.sin(100.0 * x),
        boundary=lambda x: np.sin(100.0 * x),
        exact=lambda x: np.sin(100.0 * x),
    )
    return grid_data(pde, [np.linspace(0.0, 2.0 * math.pi, nodes)])


class NestedAutodiff:
    """The same ascent for u'' = f in one dimension, with k differentiated automatically for each pair of points."""

    def __init__(self, data: GridData, options: JointMap):
        import torch

        self.options, self.nodes = options, torch.tensor(data.axes[0])
        self.source = torch.tensor(data.source)
        self.boundary = torch.as_tensor(evaluate("boundary", data.pde.boundary, (data.axes[0][[0, -1]],)))
        count = options.components
        start = [
            np.zeros(len(data.axes[0])),
            np.full(count, -math.log(count)),
            np.zeros(count),
            np.linspace(0.0, options.max_frequency, count),
            np.zeros(()),
            np.zeros(()),
        ]
        self.parameters = [torch.tensor(values, requires_grad=True) for values in start]
        self.optimiser = torch.optim.Adam(self.parameters, lr=options.learning_rate)

    def step(self) -> float:
        """Take a step and return the loss before it."""
        self.optimiser.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def loss(self) -> Any:
        """Return the negative log posterior to be minimised."""
        import torch

        u, log_weights, log_rates, periods, log_tau, log_v = self.parameters
        identity = torch.eye(len(u), dtype=torch.float64)
        matrix = self._pairs(_covariance, log_weights, log_rates, periods) + JITTER * identity
        second = self._pairs(torch.func.grad(torch.func.grad(_covariance)), log_weights, log_rates, periods)
        solved = torch.linalg.solve(matrix, u)
        prior = -0.5 * (torch.linalg.slogdet(matrix)[1] + u @ solved)
        misfit, difference = second @ solved - self.source, u[[0, -1]] - self.boundary
        boundary = log_tau * len(difference) - log_tau.exp() * (difference**2).sum()
        equation = log_v * len(misfit) - log_v.exp() * (misfit**2).sum()
        return -(prior + 0.5 * self.options.boundary_weight * boundary + 0.5 * equation)

    def _pairs(self, function: Any, *hyperparameters: Any) -> Any:
        import torch

        fixed = (None,) * len(hyperparameters)
        pairs = torch.vmap(torch.vmap(function, (None, 0, *fixed)), (0, None, *fixed))
        return pairs(self.nodes, self.nodes, *hyperparameters)


def _covariance(x: Any, y: Any, log_weights: Any, log_rates: Any, periods: Any) -> Any:
    difference = x - y
    distance = (difference**2 + 1e-16).sqrt()  # smooth at 0, where the second derivative is needed
    t = math.sqrt(5.0) * log_rates.exp() * distance
    mixture = log_weights.exp() * (1.0 + t + t**2 / 3.0) * (-t).exp() * (2.0 * math.pi * periods * difference).cos()
    return mixture.sum()


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure interleaved steps of both methods, and the error after the published number of steps."""
    rows: list[dict[str, Any]] = []
    for nodes, components, rounds in [(40, 5, 2)] if quick else [(100, 30, 5), (200, 30, 5), (400, 30, 5)]:
        data, options = high_frequency(nodes), JointMap(components=components)
        with single_torch_thread():
            nested = NestedAutodiff(data, options)
            nested.step()
            joint_map(data, options, maxiter=1)
            seconds: dict[str, list[float]] = {"closed": [], "nested": []}
            for _ in range(rounds):
                start = time.perf_counter()
                nested.step()
                seconds["nested"].append(time.perf_counter() - start)
                start = time.perf_counter()
                joint_map(data, options, maxiter=9)
                seconds["closed"].append((time.perf_counter() - start) / 10)  # it also evaluates the starting point
        posterior = joint_map(data, options, maxiter=STEPS)
        points = np.linspace(0.0, 2.0 * math.pi, 300)
        exact = np.sin(100.0 * points)
        rows.append(
            {
                "suite": SUITE.name,
                "nodes": nodes,
                "components": components,
                **{
                    name: {"median": median(took), "min": min(took), "max": max(took)} for name, took in seconds.items()
                },
                "error": float(np.linalg.norm(posterior.mean(points) - exact) / np.linalg.norm(exact)),
                "environment": environment(),
            }
        )
    return rows


def speedup(row: dict[str, Any]) -> float:
    """Return the time of a step by nested differentiation relative to one by closed formulas."""
    return row["nested"]["median"] / row["closed"]["median"]


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per size."""
    table = Table("nodes", "components", "closed formulas, ms", "pair by pair, ms", "ratio", f"error, {STEPS} steps")
    for row in rows:
        times = [f"{1e3 * row[name]['median']:.1f}" for name in ("closed", "nested")]
        ratio = f"{speedup(row):.0f}"
        table.add_row(
            *(str(row["nodes"]), str(row["components"])),
            *times,
            ratio if row["nodes"] != 400 or speedup(row) >= 100 else f"[red]{ratio}[/]",
            f"{row['error']:.4f}" + (f" (published {PUBLISHED})" if row["nodes"] == 400 else ""),
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot seconds per step against the number of nodes."""
    figure = Figure(figsize=(5.5, 4.0), layout="constrained")
    panel = figure.subplots()
    nodes = [row["nodes"] for row in rows]
    for name, label in (("nested", "autodiff, pair by pair"), ("closed", "closed formulas")):
        panel.plot(nodes, [row[name]["median"] for row in rows], "o-", label=label)
    panel.set(xscale="log", yscale="log", xlabel="nodes", ylabel="seconds per step")
    panel.set_xticks(nodes, [str(count) for count in nodes])
    panel.minorticks_off()
    panel.grid(alpha=0.3, which="both")
    panel.legend()
    return figure


SUITE = Suite("gp-map", "What does a step of the joint ascent cost, and what error does it reach?", run, summary, plot)
