"""Graphs of nearest neighbours, grids and rings of cliques."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from ritz.arguments import check_choice, check_integer, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributedGraph, undirected
from ritz.registry import problems

from ..arguments import check_shape

__all__ = ["grid_graph", "nearest_neighbours", "neighbour_graph", "ring_of_cliques"]


@problems.register("neighbour-graph")
def neighbour_graph(
    n: int = 300,
    *,
    layout: Literal["moons", "circles", "blobs", "square"] = "moons",
    neighbours: int = 8,
    noise: float = 0.05,
    seed: int = 0,
) -> AttributedGraph:
    """Return the graph of nearest neighbours of random points in 2-D.

    Parameters
    ----------
    n : int
        Number of points.
    layout : str
        ``"moons"`` or ``"circles"`` (two clusters that no line separates), ``"blobs"`` (three Gaussian clusters), or
        ``"square"`` (uniform, without clusters and labels).
    neighbours : int
        Number of neighbours of each point; an edge joins two points if either is among the nearest of the other.
    noise : float
        Standard deviation of the normal displacement of each point, ten times that for blobs.
    seed : int
        Seed of the points.

    Examples
    --------
    >>> graph = neighbour_graph(200)
    >>> graph.size, int(np.diff(graph.adjacency.indptr).min()) >= 8
    (200, True)
    """
    n = check_integer("n", n, least=4)
    check_choice("layout", layout, ("moons", "circles", "blobs", "square"))
    noise = check_number("noise", noise, least=0.0)
    generator = np.random.default_rng(check_seed(seed))
    labels: np.ndarray | None = np.arange(n) % (3 if layout == "blobs" else 2)
    angle = np.pi * generator.random(n)
    if layout == "moons":
        shift, sign = np.where(labels == 0, 0.0, 1.0), np.where(labels == 0, 1.0, -1.0)
        points = np.stack([shift + sign * np.cos(angle), 0.5 * shift + sign * np.sin(angle)], axis=1)
    elif layout == "circles":
        radius = np.where(labels == 0, 1.0, 0.5)
        points = radius[:, None] * np.stack([np.cos(2 * angle), np.sin(2 * angle)], axis=1)
    elif layout == "blobs":
        points = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.7]])[labels]
        noise = 10 * noise
    else:
        points, labels, noise = generator.random((n, 2)), None, 0.0
    points = points + noise * generator.standard_normal((n, 2))
    adjacency = nearest_neighbours(points, neighbours)
    return AttributedGraph(adjacency, labels=labels, name=f"{layout}, {neighbours} neighbours", positions=points)


def nearest_neighbours(points: Any, neighbours: int = 8) -> csr_array:
    """Return the adjacency matrix that joins each point to its nearest neighbours with unit weight.

    Takes O(n log n) time in few dimensions.

    Parameters
    ----------
    points : array, shape (n, dimensions)
    neighbours : int
        Number of neighbours of each point, less than n.

    Examples
    --------
    >>> nearest_neighbours(np.array([[0.0], [1.0], [3.0]]), 1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    from scipy.spatial import KDTree

    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise InvalidProblem(f"points have shape {points.shape}; they must be (n, dimensions) finite numbers")
    n = points.shape[0]
    neighbours = check_integer("neighbours", neighbours, least=1)
    if neighbours >= n:
        raise InvalidProblem(f"neighbours is {neighbours}; {n} points have {n - 1} neighbours each at most")
    found = np.asarray(KDTree(points).query(points, k=neighbours + 1)[1])
    own = np.repeat(np.arange(n), neighbours + 1)
    return undirected(np.stack([own, found.ravel()]), n)


@problems.register("grid-graph")
def grid_graph(shape: tuple[int, ...] = (16, 12)) -> AttributedGraph:
    """Return a rectangular grid graph, whose cells are joined to their neighbours along each axis, without labels.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.

    Examples
    --------
    >>> grid_graph((3, 2)).edges
    7
    """
    shape = check_shape(shape)
    numbers = np.arange(np.prod(shape)).reshape(shape)
    edges: list[np.ndarray] = []
    for axis in range(len(shape)):
        low, high = [slice(None)] * len(shape), [slice(None)] * len(shape)
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        edges.append(np.stack([numbers[tuple(low)].ravel(), numbers[tuple(high)].ravel()]))
    positions = np.stack([index.ravel() for index in np.indices(shape)], axis=1) if len(shape) == 2 else None
    adjacency = undirected(np.concatenate(edges, axis=1), numbers.size)
    return AttributedGraph(adjacency, name="grid " + " x ".join(map(str, shape)), positions=positions)


@problems.register("ring-of-cliques")
def ring_of_cliques(cliques: int = 8, size: int = 6) -> AttributedGraph:
    """Return a ring of complete graphs, each joined to the next by one edge.

    Parameters
    ----------
    cliques : int
        Number of cliques, at least 3.
    size : int
        Number of vertices of each clique, at least 2.

    Examples
    --------
    >>> graph = ring_of_cliques(4, 3)
    >>> graph.edges, graph.labels.tolist()
    (16, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    """
    cliques, size = check_integer("cliques", cliques, least=3), check_integer("size", size, least=2)
    first, second = np.triu_indices(size, k=1)
    starts = size * np.arange(cliques)
    inside = np.stack([(starts[:, None] + first).ravel(), (starts[:, None] + second).ravel()])
    bridges = np.stack([starts + size - 1, np.roll(starts, -1)])
    adjacency = undirected(np.concatenate((inside, bridges), axis=1), cliques * size)
    angle = 2 * np.pi * (np.arange(cliques * size) + 0.5 * np.arange(cliques).repeat(size)) / (cliques * (size + 0.5))
    return AttributedGraph(
        adjacency,
        labels=np.arange(cliques).repeat(size),
        name=f"ring of {cliques} cliques",
        positions=np.stack([np.cos(angle), np.sin(angle)], axis=1),
    )
