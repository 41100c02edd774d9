"""One picture of each family of problems."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import ritz_style
from ritz.problems.matrices.fem import plate_mesh, plate_solution
from ritz.problems.matrices.gallery import gallery_mesh

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PANELS", "ProblemPanel", "compute", "draw_panel", "plot", "plot_problem"]

Data: TypeAlias = dict[str, np.ndarray]

SOLID = "#3b3f46"
FINE, QUICK = 160, 64  # cells along each side
SMOKE_SEED, CUBE_SEED, POISSON_SEED = 9, 2, 3


@dataclass(frozen=True)
class ProblemPanel:
    """One picture of one problem.

    Parameters
    ----------
    problem : str
        Registered name.
    subtitle : str
        Short description.
    compute : callable
        ``compute(n) -> dict of arrays`` for n cells along each side.
    draw : callable
        ``draw(axes, data)``.
    """

    problem: str
    subtitle: str
    compute: Callable[[int], Data]
    draw: Callable[[Axes, Data], None]


def compute(quick: bool = False) -> dict[str, Data]:
    """Return the data of each panel by its key in `PANELS`; all sizes are smaller if `quick`."""
    return {key: panel.compute(QUICK if quick else FINE) for key, panel in PANELS.items()}


def plot(data: dict[str, Data]) -> Figure:
    """Return the figure: four rows of four panels."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with ritz_style():
        picture = Figure(figsize=(12.0, 13.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
        for position, (key, panel) in enumerate(PANELS.items(), start=1):
            draw_panel(picture.add_subplot(4, 4, position), panel, data[key])
    return picture


def plot_problem(key: str, quick: bool = False) -> Figure:
    """Return the picture of one panel, given by its key in `PANELS`."""
    from matplotlib.figure import Figure

    panel = PANELS[key]
    data = panel.compute(QUICK if quick else FINE)
    with ritz_style():
        picture = Figure(figsize=(4.0, 4.4), layout="constrained")
        draw_panel(picture.add_subplot(), panel, data)
    return picture


def draw_panel(axes: Axes, panel: ProblemPanel, data: Data) -> None:
    """Draw one panel with its title."""
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#9aa0a8", linewidth=0.8)
    axes.set_title(panel.problem, fontsize=12, fontweight="bold", loc="left", pad=18)
    axes.text(0.0, 1.02, panel.subtitle, transform=axes.transAxes, fontsize=9.5, color="#555b64")
    panel.draw(axes, data)


# Data of the panels.


def _exact(problem: str, **arguments: Any) -> Callable[[int], Data]:
    def build(n: int) -> Data:
        system = getattr(ritz.problems, problem)((n, n), **arguments)
        return {"field": system.grid.field(system.exact)}

    return build


def _coefficient(kind: str, **arguments: Any) -> Callable[[int], Data]:
    def build(n: int) -> Data:
        return {"field": np.log10(ritz.problems.diffusion_coefficient((n, n), kind, **arguments))}

    return build


def _response(problem: str, spots: list[tuple[float, float, float]], **arguments: Any) -> Callable[[int], Data]:
    """Return a function that solves for point-like sources, given as (x, y, strength)."""

    def build(n: int) -> Data:
        system = getattr(ritz.problems, problem)((n, n), **arguments)
        x, y = system.grid.coordinates()
        rhs = sum(s * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 0.02**2)) for a, b, s in spots)
        return {"field": system.grid.field(ritz.solve(system.with_rhs(rhs), "lu").x)}

    return build


def _cube(n: int) -> Data:
    n = n // 3
    system: Any = ritz.problems.poisson((n, n, n), boundary="neumann", obstacles=36, seed=CUBE_SEED)
    rhs = np.where(system.grid.solid, 0.0, 1.0).ravel()
    return {"field": system.grid.field(ritz.solve(system.with_rhs(rhs), "cg", rtol=1e-4).x)}


def _letters(n: int) -> Data:
    """Return the potential of a flow from left to right around the letters "Ritz"."""
    from matplotlib.textpath import TextPath

    letters = TextPath((0, 0), "Ritz", size=1.0)
    box = letters.get_extents()
    x, y = np.meshgrid(*((np.arange(n) + 0.5) / n,) * 2, indexing="ij")
    scale = 0.8 / box.width
    points = np.stack([(x.ravel() - 0.1) / scale + box.x0, (y.ravel() - 0.5) / scale + 0.5 * (box.y0 + box.y1)], axis=1)
    mask = letters.contains_points(points).reshape(n, n)
    rhs = np.zeros((n, n))
    rhs[0], rhs[-1] = n, -n
    system: Any = ritz.problems.from_grid(mask, boundary="neumann", rhs=rhs, solid_boundary="neumann")
    return {"field": system.grid.field(ritz.solve(system, "lu").x)}


def _heat(n: int) -> Data:
    trajectory: Any = ritz.solve(ritz.problems.heat((n, n), steps=8, boundary="mixed"), "lu")
    return {"field": trajectory.grid.field(trajectory.x)}


def _smoke(n: int) -> Data:
    sequence: Any = ritz.problems.pressure_projection((n, n), steps=76, dt=0.04, seed=SMOKE_SEED)
    trajectory: Any = ritz.solve(sequence, "lu")
    return {"field": sequence.grid.field(trajectory.state.smoke)}


def _plate(kind: str) -> Callable[[int], Data]:
    def build(n: int) -> Data:
        mesh = plate_mesh(2)
        return {"points": mesh.p, "triangles": mesh.t.T, "values": plate_solution(kind, mesh.p)}

    return build


def _airfoil(n: int) -> Data:
    system = ritz.problems.gallery("airfoil")
    vertices, elements = gallery_mesh("airfoil")
    values = np.zeros(len(vertices))
    values[: system.size] = ritz.solve(system.with_rhs(np.ones(system.size)), "lu").x
    return {
        "points": vertices.T,
        "triangles": elements - elements.min(),
        "values": values[None],
        "window": np.array([[-0.6, 1.6], [-1.1, 1.1]]),
    }


def _pattern(n: int) -> Data:
    from scipy.io import mmwrite

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bar.mtx"
        mmwrite(path, ritz.problems.gallery("bar").operator.to_sparse())
        matrix: Any = ritz.problems.matrix_market(path).operator.to_sparse().tocoo()
    return {"rows": matrix.row, "columns": matrix.col, "size": np.array(matrix.shape[0])}


# Drawing of the panels.


def _shades(name: str) -> Any:
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=SOLID)


def _limits(field: np.ndarray, signed: bool) -> tuple[float, float]:
    """Return the range of all but the most extreme values, centred at zero if `signed`."""
    if signed:
        size = float(np.nanquantile(np.abs(field), 0.99))
        return -size, size
    low, high = np.nanquantile(field, (0.005, 0.995))
    return float(low), float(high)


def _draw_field(shades: str, signed: bool = False, contours: int = 0) -> Callable[[Axes, Data], None]:
    def draw(axes: Axes, data: Data) -> None:
        field = data["field"]
        low, high = _limits(field, signed)
        axes.imshow(field.T, origin="lower", cmap=_shades(shades), extent=(0, 1, 0, 1), vmin=low, vmax=high)
        if contours:
            x, y = ((np.arange(n) + 0.5) / n for n in field.shape)
            axes.contour(x, y, field.T, contours, colors="white", linewidths=0.6, linestyles="solid")

    return draw


def _draw_cube(axes: Axes, data: Data) -> None:
    """Draw three faces of a cube, each sheared into position."""
    from matplotlib.transforms import Affine2D

    field = data["field"]
    low, high = _limits(field, signed=False)
    cosine, sine = np.cos(np.pi / 6), 0.5
    # Each side: its values, the position of its corner, its two directions and the darkness of its shadow.
    sides = (
        (field[:, :, -1], (cosine, 1.0), (-cosine, sine), (cosine, sine), 0.0),
        (field[:, 0, :], (0.0, sine), (cosine, -sine), (0.0, 1.0), 0.12),
        (field[-1, :, :], (cosine, 0.0), (cosine, sine), (0.0, 1.0), 0.24),
    )
    for values, corner, first, second, shadow in sides:
        place = Affine2D([[first[0], second[0], corner[0]], [first[1], second[1], corner[1]], [0.0, 0.0, 1.0]])
        sheared: dict[str, Any] = {
            "origin": "lower",
            "extent": (0, 1, 0, 1),
            "transform": place + axes.transData,
        }
        axes.imshow(values.T, cmap=_shades("viridis"), vmin=low, vmax=high, **sheared)
        axes.imshow(np.zeros((1, 1)), cmap="gray", alpha=shadow, **sheared)
    axes.set_xlim(-0.1, 2 * cosine + 0.1)
    axes.set_ylim(-0.05, 2.05)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_mesh(axes: Any, data: Data) -> None:
    """Draw values on triangles; displacements are drawn as their magnitude on the deformed mesh."""
    (x, y), values = data["points"], data["values"]
    if len(values) == 2:
        x, y = x + values[0], y + values[1]
    size = np.linalg.norm(values, axis=0) if len(values) == 2 else values[0]
    axes.tripcolor(x, y, data["triangles"], size, shading="gouraud", cmap="viridis")
    axes.triplot(x, y, data["triangles"], color="white", linewidth=0.3, alpha=0.7)
    axes.margins(0.04)
    if "window" in data:
        axes.set_xlim(*data["window"][0])
        axes.set_ylim(*data["window"][1])
        return
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_pattern(axes: Axes, data: Data) -> None:
    axes.plot(data["columns"], data["rows"], ",", color="#0b5fa5", rasterized=True)
    axes.set_xlim(-0.5, float(data["size"]) - 0.5)
    axes.set_ylim(float(data["size"]) - 0.5, -0.5)


EDDY_SPOTS = [(0.5, 0.9, 1.0), (0.5, 0.1, -1.0)]
SPOTS = [(0.25, 0.7, 1.0), (0.7, 0.3, 1.0), (0.6, 0.75, -1.0)]

PANELS = {
    "poisson": ProblemPanel("poisson", "manufactured solution", _exact("poisson"), _draw_field("viridis", contours=8)),
    "poisson-obstacles": ProblemPanel(
        "poisson",
        "six obstacles held at zero",
        _exact("poisson", obstacles=6, seed=POISSON_SEED),
        _draw_field("RdYlBu_r", signed=True),
    ),
    "poisson-3d": ProblemPanel("poisson", "36 obstacles held at zero", _cube, _draw_cube),
    "from-grid": ProblemPanel("from_grid", "flow around a user's mask", _letters, _draw_field("viridis", contours=24)),
    "diffusion-inclusions": ProblemPanel(
        "diffusion", "inclusions of contrast 10⁶", _coefficient("inclusions", contrast=1e6), _draw_field("cividis")
    ),
    "diffusion-lognormal": ProblemPanel(
        "diffusion",
        "log-normal coefficient",
        _coefficient("lognormal", correlation_length=0.06),
        _draw_field("cividis"),
    ),
    "diffusion-rotated": ProblemPanel(
        "diffusion",
        "rotated anisotropy: three sources",
        _response("diffusion", SPOTS, coefficient="rotated"),
        _draw_field("RdYlBu_r", signed=True),
    ),
    "helmholtz": ProblemPanel(
        "helmholtz",
        "waves from two sources",
        _response("helmholtz", [(0.3, 0.62, 1.0), (0.62, 0.3, 1.0)], shift=-(45.0**2)),
        _draw_field("RdBu_r", signed=True),
    ),
    "advection-constant": ProblemPanel(
        "advection_diffusion",
        "constant flow, Pe = 500",
        _response("advection_diffusion", [(0.15, 0.2, 1.0), (0.2, 0.45, 1.0), (0.4, 0.2, 1.0)], peclet=500.0),
        _draw_field("magma"),
    ),
    "advection-recirculating": ProblemPanel(
        "advection_diffusion",
        "closed eddy, Pe = 200",
        _response("advection_diffusion", EDDY_SPOTS, peclet=200.0, velocity="recirculating", scheme="central"),
        _draw_field("RdBu_r", signed=True),
    ),
    "heat": ProblemPanel("heat", "a hot spot after eight steps", _heat, _draw_field("inferno", contours=7)),
    "pressure-projection": ProblemPanel(
        "pressure_projection", "smoke around an obstacle", _smoke, _draw_field("magma")
    ),
    "fem-poisson": ProblemPanel("fem", "Poisson on an unstructured mesh", _plate("poisson"), _draw_mesh),
    "fem-elasticity": ProblemPanel("fem", "elastic plate with a hole", _plate("elasticity"), _draw_mesh),
    "gallery": ProblemPanel("gallery", "PyAMG's airfoil", _airfoil, _draw_mesh),
    "matrix-market": ProblemPanel("matrix_market", "entries of a matrix from a file", _pattern, _draw_pattern),
}

figure("problem-gallery", compute, plot)
