"""Plots of solutions on meshes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.plotting.solution_plot import plot_history, styled_figure, symmetric_shades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_on_mesh"]

ARROWS = 400  # most arrows in a plot of vectors
EDGES = 1500  # number of cells beyond which their edges are not drawn


def plot_on_mesh(solution: Any) -> Figure:
    """Draw a solution on its mesh beside the history of its residual.

    Vectors are drawn as arrows over their lengths, displacements by the deformed mesh. Of a body in space, the surface
    is drawn.

    Parameters
    ----------
    solution : MeshSolution

    Returns
    -------
    matplotlib.figure.Figure
        Not managed by pyplot: display it in a notebook, or call its ``savefig``.
    """
    points, values = solution.points, solution.values
    mesh, equation = solution.space.tagged.mesh, solution.space.equation
    d = points.shape[1]
    strength = values if values.ndim == 1 else np.linalg.norm(values, axis=1)
    label = {"elasticity": "displacement", "stokes": "speed"}.get(equation, "u")
    with styled_figure((11.5, 4.4)) as (figure, colours):
        left = figure.add_subplot(1, 2, 1, projection="3d" if d == 3 else None)
        right = figure.add_subplot(1, 2, 2)
        if d == 1:
            order = np.argsort(points[:, 0])
            left.plot(points[order, 0], values[order])
            left.set(xlabel="x", ylabel="u")
        else:
            shown, title = points, "solution"
            if equation == "elasticity" and strength.max() > 0:
                stretch = 0.1 * np.ptp(points, axis=0).max() / strength.max()
                shown, title = points + stretch * values, f"deformed, displacements times {stretch:.3g}"
            draw = _draw_plane if d == 2 else _draw_surface
            image = draw(left, mesh, shown, strength)
            if equation == "stokes" and d == 2:
                step = max(1, len(points) // ARROWS)
                left.quiver(*points[::step].T, *values[::step].T, color="#ffffff", width=0.003)
            left.set_title(title)
            figure.colorbar(image, ax=left, label=label, shrink=0.8)
        plot_history(right, solution.history, color=colours[0])
        right.set_title(f"{solution.solver or 'solver'}: {solution.status.name.lower().replace('_', ' ')}")
    return figure


def _draw_plane(panel: Any, mesh: Any, points: np.ndarray, values: np.ndarray) -> Any:
    cells = mesh.t.T
    triangles = cells if cells.shape[1] == 3 else np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    image = panel.tripcolor(*points.T, triangles, values, shading="gouraud", **symmetric_shades(values))
    if len(cells) <= EDGES:
        from matplotlib.collections import LineCollection

        panel.add_collection(LineCollection(list(points[mesh.facets.T]), colors="#00000040", linewidths=0.4))
    panel.set_aspect("equal")
    panel.grid(visible=False)
    panel.set(xlabel="x", ylabel="y")
    return image


def _draw_surface(panel: Any, mesh: Any, points: np.ndarray, values: np.ndarray) -> Any:
    from matplotlib import cm, colors
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    facets = mesh.facets[:, mesh.boundary_facets()].T
    if facets.shape[1] == 4:
        facets = _around(mesh.p.T, facets)
    shades = symmetric_shades(values)
    image = cm.ScalarMappable(colors.Normalize(shades["vmin"], shades["vmax"]), shades["cmap"])
    edges = "#00000030" if len(facets) <= EDGES else "none"
    faces = image.to_rgba(values[facets].mean(axis=1))
    panel.add_collection3d(Poly3DCollection(points[facets], facecolors=faces, edgecolors=edges, linewidths=0.3))
    lower, upper = points.min(axis=0), points.max(axis=0)
    panel.set(xlim=(lower[0], upper[0]), ylim=(lower[1], upper[1]), zlim=(lower[2], upper[2]))
    panel.set(xlabel="x", ylabel="y", zlabel="z")
    panel.set_box_aspect(upper - lower)
    return image


def _around(points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """Return quadrilaterals with their corners in order around them: sorted numbers may cross."""
    lengths = [
        sum(np.linalg.norm(points[facets[:, order[i]]] - points[facets[:, order[i - 1]]], axis=1) for i in range(4))
        for order in ((0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3))
    ]
    orders = np.array([(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3)])[np.argmin(lengths, axis=0)]
    return np.take_along_axis(facets, orders, axis=1)
