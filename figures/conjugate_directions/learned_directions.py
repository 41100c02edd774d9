"""Search directions proposed by a network: an example, residual histories and training losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]


def compute(quick: bool = False) -> Data:
    """Return a residual, its exact error, the network's direction, residual histories and training losses.

    Parameters
    ----------
    quick : bool
        Use 48 cells along each side instead of 128.

    Returns
    -------
    dict
        Fields ``"residual"``, ``"error"`` and ``"direction"``, NaN inside obstacles; ``"histories"`` by solver;
        ``"losses"`` by name of the weights, as pairs of step and validation loss.
    """
    from ritz.solvers.conjugate_directions import ConjugateDirections, NetworkDirection
    from ritz.solvers.conjugate_directions.network_direction import shipped
    from ritz.solvers.training.weights import load_weights

    cells = 48 if quick else 128
    system = ritz.problems.poisson((cells, cells), obstacles=4, solid_boundary="neumann", seed=2)
    rhs = np.random.default_rng(0).standard_normal(system.size)
    grid = system.grid
    assert grid is not None
    solid = grid.solid
    rhs[solid.reshape(-1) if solid is not None else []] = 0.0
    system = system.with_rhs(rhs if system.operator.nullspace is None else system.operator.nullspace.project(rhs))
    one_scale, fluid = NetworkDirection("dcdm-2d-64"), NetworkDirection("fluidnet-2d")
    solvers = {
        "conjugate-directions": ConjugateDirections(),
        "network on one scale": ConjugateDirections(one_scale),
        "one scale, no memory": ConjugateDirections(one_scale, memory=0),
        "fluidnet": ConjugateDirections(fluid, memory=0, rescale=False),
        "cg": "cg",
        "mic-cg": "mic-cg",
    }
    limit = 100 if quick else 500
    histories = {
        name: ritz.solve(system, solver, rtol=1e-8, maxiter=limit, throw=False).history
        for name, solver in solvers.items()
    }
    residual = system.rhs
    error = ritz.solve(system, "multigrid", rtol=1e-10).x
    direction = NetworkDirection().build(system.operator) @ (residual / np.linalg.norm(residual))
    direction *= (direction @ residual) / (direction @ (system.operator @ direction))
    losses = {
        name: load_weights(shipped(name)).training["history"]["validations"]
        for name in ("dcdm-2d", "dcdm-2d-64", "dcdm-3d")
    }
    fields = {"residual": residual, "error": error, "direction": direction}
    return {**{key: grid.field(x) for key, x in fields.items()}, "histories": histories, "losses": losses}


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(10.0, 6.6), layout="constrained")
        parts: Any = canvas.subfigures(2, 1, height_ratios=(1, 1.15))
        upper, lower = parts
        size = float(np.nanmax(np.abs(data["error"])))
        titles = {"residual": "residual r", "error": r"exact error $A^{-1}r$", "direction": "step of the network"}
        for panel, (key, title) in zip(upper.subplots(1, 3), titles.items(), strict=True):
            limit = float(np.nanmax(np.abs(data[key]))) if key == "residual" else size
            image = panel.imshow(data[key].T, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
            panel.set(title=title, xticks=[], yticks=[])
            panel.set_facecolor("0.6")
            upper.colorbar(image, ax=panel, shrink=0.8)
        left, right = lower.subplots(1, 2)
        for number, (name, history) in enumerate(data["histories"].items()):
            left.semilogy(history, color=COLOURS[number], label=name)
        left.set(xlabel="iteration", ylabel="relative residual", xscale="symlog", xlim=(0, None), ylim=(1e-9, 30))
        left.legend(fontsize=8)
        for number, (name, losses) in enumerate(data["losses"].items()):
            right.semilogy(*zip(*losses, strict=True), color=COLOURS[number], marker="osD"[number], label=name)
        right.set(xlabel="training step", ylabel="validation loss")
        right.legend()
    return canvas


figure("learned-directions", compute, plot)
