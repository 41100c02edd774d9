"""Convergence rate of bootstrap multigrid by the number of hierarchies, and the smooth errors behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import ritz
from ritz.operators import Operator, Sparse, Tag
from ritz.plotting.style import COLOURS, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot", "random_graph_laplacian"]

SHOWN = "rotated anisotropy, 1e-3"


def random_graph_laplacian(vertices: int, *, neighbours: int = 8, decades: float = 6.0, seed: int = 0) -> Sparse:
    """Return the weighted Laplacian of the nearest-neighbour graph of random points in the unit square.

    The logarithms of the weights are uniformly distributed over `decades`, which divides the graph into clusters of
    every size. A path with weight 1 connects its components. Takes O(n log n) time.
    """
    from scipy.sparse import coo_array, csr_array, diags_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    generator = np.random.default_rng(seed)
    points = generator.random((vertices, 2))
    points = points[np.argsort(np.floor(points[:, 0] * vertices**0.5) + points[:, 1])]  # in strips, as in a mesh
    tree: Any = KDTree(points)
    nearest = np.asarray(tree.query(points, neighbours + 1)[1])[:, 1:]
    ends = np.repeat(np.arange(vertices), neighbours), nearest.ravel()
    weights = 10.0 ** (-decades * generator.random(nearest.size))
    graph: Any = coo_array((weights, ends), shape=(vertices, vertices)).tocsr()
    graph = graph.maximum(graph.T)
    count, component = connected_components(graph, directed=False)
    first = np.unique(component, return_index=True)[1]
    path: Any = coo_array((np.ones(count - 1), (first[:-1], first[1:])), shape=graph.shape).tocsr()
    graph = csr_array(graph + path + path.T)
    return Sparse(diags_array(graph.sum(axis=1)) - graph, tags={Tag.SYMMETRIC, Tag.SEMIDEFINITE})


def _operators(side: int) -> dict[str, Operator]:
    shape = (side, side)
    return {
        SHOWN: ritz.problems.diffusion(shape, coefficient="rotated").operator,
        "jumps, 1e6": ritz.problems.diffusion(shape, contrast=1e6).operator,
        "weighted graph, 6 decades": random_graph_laplacian(side * side),
        "Poisson": ritz.problems.poisson(shape).operator,
    }


def compute(quick: bool = False) -> dict[str, Any]:
    """Return the rates after each hierarchy by problem, and smooth vectors of the first problem."""
    from ritz.solvers.multigrid import bootstrap

    side, most = (64, 4) if quick else (256, 8)
    rates: dict[str, np.ndarray] = {}
    vectors = np.empty((0, 0))
    for name, operator in _operators(side).items():
        made = bootstrap(operator, target_rate=0.0, max_hierarchies=most, trials=25)
        rates[name] = made.rates
        if name == SHOWN:
            vectors = made.smooth_vectors[:, 1:4]
    return {"rates": rates, "vectors": vectors.T.reshape(3, side, side)}


def plot(data: dict[str, Any]) -> Figure:
    """Return the figure: three smooth vectors, and rates below."""
    from matplotlib.figure import Figure

    with ritz_style():
        picture = Figure(figsize=(9.6, 6.8), layout="constrained")
        parts: Any = picture.subfigures(2, 1, height_ratios=(1.0, 1.15))
        upper, lower = parts
        for number, (axes, field) in enumerate(zip(upper.subplots(1, 3), data["vectors"], strict=True), start=1):
            largest = np.quantile(np.abs(field), 0.999)
            axes.imshow(field.T, origin="lower", cmap="RdBu_r", vmin=-largest, vmax=largest)
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.set_title(f"left by {number} {'hierarchy' if number == 1 else 'hierarchies'}", fontsize=10)
        upper.suptitle(f"Slowly converging errors: {SHOWN}", fontsize=11)
        whole, single = lower.subplots(1, 2, sharey=True)
        for (name, values), colour, marker in zip(data["rates"].items(), COLOURS, "s^oD", strict=False):
            hierarchies = np.arange(1, values.size + 1)
            look: Any = {"marker": marker, "color": colour, "label": name}
            whole.plot(hierarchies, values, **look)
            single.plot(hierarchies, values ** (1.0 / (2 * hierarchies - 1)), **look)
            for axes in (whole, single):
                axes.set(xlabel="hierarchies k", ylim=(0, 1), xticks=hierarchies)
        whole.set(title="per iteration", ylabel="convergence factor in the energy norm")
        single.set_title("per cycle (2k - 1 in each iteration)")
        single.legend(loc="lower right")
    return picture


figure("bootstrap-rates", compute, plot)
