"""Solutions of each family of parametric problems at three parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style
from ritz.problems.matrices.fem import plate_mesh
from ritz.registry import problems

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PANELS", "ParametricPanel", "compute", "plot"]

Data: TypeAlias = dict[str, Any]

SHOWN = 0.25  # drawn length of the largest displacement of the plate


@dataclass(frozen=True)
class ParametricPanel:
    """Three solutions of one parametric problem.

    Parameters
    ----------
    subtitle : str
        Short description.
    parameters : tuple of mappings
        Parameters of the three solutions; those left out are mid-range.
    small : mapping
        Arguments of the problem for a quick run.
    shades : str
        Name of the colour map; ``"RdBu_r"`` and ``"RdYlBu_r"`` are centred at zero.
    """

    subtitle: str
    parameters: tuple[dict[str, float], ...]
    small: dict[str, Any]
    shades: str = "viridis"


PANELS = {
    "two-materials": ParametricPanel(
        "a source under and above a curved interface",
        (
            {"x": 0.3, "y": 0.25, "conductivity": 1.0},
            {"x": 0.5, "y": 0.6, "conductivity": -1.0},
            {"x": 0.7, "y": 0.4, "conductivity": 1.0},
        ),
        {"shape": (24, 24)},
    ),
    "thermal-block": ParametricPanel(
        "four materials, uniformly heated",
        ({"k00": 0.1, "k11": 0.1}, {"k10": 0.1, "k01": 1.0}, {"k00": 1.0, "k01": 1.0, "k10": 0.1, "k11": 0.2}),
        {"shape": (23, 23)},
    ),
    "moving-reaction": ParametricPanel(
        "reaction fed by a source",
        (
            {"x": 0.3, "y": 0.3, "amplitude": -1.0},
            {"x": 0.5, "y": 0.6, "amplitude": 0.0},
            {"x": 0.7, "y": 0.4, "amplitude": 1.0},
        ),
        {"shape": (24, 24)},
        "magma",
    ),
    "burgers": ParametricPanel(
        "a pulse steepens into a front: eight times",
        (
            {"viscosity": -2.0, "amplitude": 1.0},
            {"viscosity": -3.0, "amplitude": 1.0},
            {"viscosity": -3.0, "amplitude": 2.0},
        ),
        {"shape": (64,), "steps": 21},
    ),
    "rotating-wind": ParametricPanel(
        "two sources in the wind",
        (
            {"angle": 0.5, "peclet": 1.0},
            {"angle": 2.0, "peclet": 2.0, "share": 0.8},
            {"angle": -1.6, "peclet": 2.5},
        ),
        {"shape": (24, 24)},
        "magma",
    ),
    "helmholtz-lens": ParametricPanel(
        "waves through a lens: real part",
        ({"wavenumber": 7.0}, {"wavenumber": 14.0, "source": 0.2}, {"wavenumber": 14.0, "source": 0.7}),
        {"shape": (40, 40)},
        "RdBu_r",
    ),
    "laser-track": ParametricPanel(
        "heat behind a laser at the final time",
        ({"slope": 0.3}, {"slope": -0.3, "conductivity": 0.0}, {"conductivity": 2.0, "power": 1.5}),
        {"shape": (20, 20), "steps": 10},
        "inferno",
    ),
    "perforated-plate": ParametricPanel(
        "under tension, with a soft or stiff ring",
        (
            {"angle": 0.0, "ring": 1.0},
            {"angle": 1.5, "ring": 0.0},
            {"angle": 0.0, "ring": -1.0},
        ),
        {"refinements": 0},
    ),
    "allen-cahn": ParametricPanel(
        "two phases at the final time",
        (
            {"c01": 0.9, "c20": 0.5, "c21": -0.5},
            {"c11": 0.9, "c02": -0.6},
            {"c20": 0.8, "c02": 0.8, "c10": 0.4},
        ),
        {"shape": (20, 20), "steps": 10},
        "RdYlBu_r",
    ),
    "lid-driven-cavity": ParametricPanel(
        "stream function between two lids",
        (
            {"reynolds": 2.5, "top": 1.0, "bottom": 0.0},
            {"reynolds": 2.0, "top": 1.0, "bottom": 1.0},
            {"reynolds": 2.0, "top": 1.0, "bottom": -0.5},
        ),
        {"shape": (23, 23)},
        "RdBu_r",
    ),
}


def compute(quick: bool = False) -> dict[str, list[Data]]:
    """Return the data of each panel by the registered name of its problem; all problems are smaller if `quick`."""
    return {name: _solutions(name, panel, panel.small if quick else {}) for name, panel in PANELS.items()}


def plot(data: dict[str, list[Data]]) -> Figure:
    """Return the figure: two problems per row, with three solutions each."""
    from matplotlib.figure import Figure

    with ritz_style():
        picture = Figure(figsize=(12.0, 13.0), layout="constrained")
        groups: Any = picture.subfigures(5, 2, wspace=0.04, hspace=0.03)
        for group, (name, panel) in zip(groups.flat, PANELS.items(), strict=True):
            group.suptitle(f"{name}: {panel.subtitle}", fontsize=10.5, x=0.02, ha="left")
            for axes, one in zip(group.subplots(1, 3), data[name], strict=True):
                axes.set_xticks([])
                axes.set_yticks([])
                axes.grid(visible=False)
                _draw(axes, one, panel.shades)
                axes.set_xlabel(one["label"], fontsize=8)
    return picture


def _solutions(name: str, panel: ParametricPanel, arguments: dict[str, Any]) -> list[Data]:
    problem: ritz.ParametricPDE = problems[name](**arguments)
    extract: Callable[..., Data] = _plate if problem.grid is None else _field
    found: list[Data] = []
    for parameters in panel.parameters:
        u = problem.at(**parameters).solution()
        label = ", ".join(f"{key} {value:g}" for key, value in parameters.items())
        found.append({**extract(problem, u, arguments), "label": label})
    return found


def _field(problem: ritz.ParametricPDE, u: np.ndarray, arguments: dict[str, Any]) -> Data:
    assert problem.grid is not None
    if problem.grid.dimension == 1:
        return {"x": problem.grid.axes[0], "lines": u[:: (len(u) - 1) // 7]}
    return {"field": problem.grid.field(np.real(u if u.ndim == 1 else u[-1]))}


def _plate(problem: ritz.ParametricPDE, u: np.ndarray, arguments: dict[str, Any]) -> Data:
    mesh = plate_mesh(arguments.get("refinements", 2))
    moved = np.zeros_like(mesh.p)
    moved[:, mesh.p[0] > 1e-9] = u.reshape(-1, 2).T
    return {"points": mesh.p, "triangles": mesh.t.T, "moved": moved}


def _draw(axes: Any, data: Data, shades: str) -> None:
    if "lines" in data:
        for share, line in zip(np.linspace(0.15, 1.0, len(data["lines"])), data["lines"], strict=True):
            axes.plot(data["x"], line, color=COLOURS[0], alpha=share, linewidth=1.1)
        axes.set_box_aspect(1.0)
        return
    axes.set_aspect("equal")
    if "moved" in data:
        size = np.linalg.norm(data["moved"], axis=0)
        x, y = data["points"] + SHOWN / size.max() * data["moved"]
        axes.tripcolor(x, y, data["triangles"], size, shading="gouraud", cmap=shades)
        axes.triplot(x, y, data["triangles"], color="white", linewidth=0.2, alpha=0.6)
        axes.set(xlim=(-0.15, 1.35), ylim=(-0.25, 1.25))
        axes.spines[:].set_visible(False)
        return
    field = data["field"]
    size = float(np.abs(field).max()) if shades.startswith("Rd") else None
    low = None if size is None else -size
    axes.imshow(field.T, origin="lower", cmap=shades, vmin=low, vmax=size, interpolation="bilinear")


figure("parametric-gallery", compute, plot)
