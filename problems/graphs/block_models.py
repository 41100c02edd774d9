"""Random graphs with planted clusters: stochastic block models and the LFR benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributedGraph, undirected
from ritz.registry import problems

__all__ = ["lfr", "stochastic_block_model"]

ROUNDS = 10  # rounds in which the stubs of rejected pairs are joined again


@problems.register("stochastic-block-model")
def stochastic_block_model(
    sizes: tuple[int, ...] = (80, 80, 80),
    *,
    degree: float = 12.0,
    ambiguity: float = 0.1,
    metadata: float | None = 0.8,
    seed: int = 0,
) -> AttributedGraph:
    r"""Return a graph from a stochastic block model, with metadata of a given quality.

    In a stochastic block model :cite:`HollandLaskeyLeinhardt1983` two vertices are joined with a probability that is
    :math:`\varepsilon` times as large between blocks as within blocks. For k equal blocks of a sparse graph with mean
    degree c, no method detects the blocks from the structure alone unless
    :math:`c(1-\varepsilon)^2>(1+(k-1)\varepsilon)^2` :cite:`DecelleKrzakalaMooreZdeborova2011` (except, for k > 4,
    possibly methods of exponential cost).

    Parameters
    ----------
    sizes : tuple of int
        Number of vertices of each block.
    degree : float
        Expected mean degree.
    ambiguity : float
        Ratio :math:`\varepsilon` of the probabilities, from 0 (no edges between blocks) to 1 (no structure) or more.
    metadata : float or None
        Share of the vertices whose single categorical attribute is the index of their block. The attribute of the
        others is the index of another block, all equally likely. If None, there are no attributes.
    seed : int
        Seed of the graph.

    Returns
    -------
    AttributedGraph
        ``labels`` are the blocks. The order of the vertices is random.

    Examples
    --------
    >>> graph = stochastic_block_model((50, 100))
    >>> graph.size, float(np.mean(graph.labels == graph.attributes).round(1))
    (150, 0.8)
    """
    blocks = [check_integer("sizes", size, least=1) for size in np.atleast_1d(sizes).tolist()]
    degree = check_number("degree", degree, above=0.0)
    ambiguity = check_number("ambiguity", ambiguity, least=0.0)
    generator = np.random.default_rng(check_seed(seed))
    n, k = sum(blocks), len(blocks)
    counts = np.array(blocks, dtype=np.float64)
    pairs = np.outer(counts, counts) * np.where(np.eye(k, dtype=bool), 1.0, ambiguity)
    expected = np.triu(pairs * (degree * n / pairs.sum()))
    expected[np.diag_indices(k)] *= 0.5
    drawn = generator.poisson(expected)
    firsts = np.cumsum([0, *blocks])
    ends: list[np.ndarray] = []
    for a, b in zip(*np.nonzero(drawn), strict=True):
        low, high = firsts[[a, b]], firsts[[a + 1, b + 1]]
        ends.append(generator.integers(low, high, size=(int(drawn[a, b]), 2)).T)
    shuffled = generator.permutation(n)
    edges = shuffled[np.concatenate(ends, axis=1)] if ends else np.empty((2, 0), dtype=np.int64)
    labels = np.empty(n, dtype=np.int64)
    labels[shuffled] = np.repeat(np.arange(k), blocks)
    attributes = None
    if metadata is not None:
        metadata = check_number("metadata", metadata, least=0.0, below=1.0 + 1e-12)
        others = (labels + generator.integers(1, k, n)) % k if k > 1 else labels
        attributes = np.where(generator.random(n) < metadata, labels, others)
    return AttributedGraph(undirected(edges, n), attributes, labels, name=f"block model {n:,}, {k} blocks")


@problems.register("lfr")
def lfr(
    n: int = 250,
    *,
    mixing: float = 0.3,
    degree: float = 12.0,
    max_degree: int = 40,
    min_community: int = 20,
    max_community: int = 60,
    degree_exponent: float = 2.5,
    community_exponent: float = 1.5,
    seed: int = 0,
) -> AttributedGraph:
    """Return a graph similar to the LFR benchmark :cite:`LancichinettiFortunatoRadicchi2008`.

    Degrees and community sizes follow power laws. Stubs are joined at random, within communities and between them.
    Pairs that form loops or repeated edges, or that join a community where they should not, are separated and joined
    again a few times; stubs that remain after that are dropped.

    Parameters
    ----------
    n : int
        Number of vertices.
    mixing : float
        Share of each vertex's edges that leave its community.
    degree, max_degree : float, int
        Mean and largest degree.
    min_community, max_community : int
        Smallest and largest number of vertices of a community.
    degree_exponent, community_exponent : float
        Exponents of the power laws.
    seed : int
        Seed of the graph.

    Returns
    -------
    AttributedGraph
        ``labels`` are the communities; there are no attributes.

    Examples
    --------
    >>> graph = lfr(300)
    >>> sizes = np.bincount(graph.labels)
    >>> int(sizes.sum()), bool((sizes >= 20).all())
    (300, True)
    """
    min_community = check_integer("min_community", min_community, least=2)
    max_community = check_integer("max_community", max_community, least=min_community)
    n = check_integer("n", n, least=max_community)
    max_degree = check_integer("max_degree", max_degree, least=2)
    mixing = check_number("mixing", mixing, least=0.0, below=1.0)
    degree = check_number("degree", degree, above=1.0, below=max_degree)
    if (1.0 - mixing) * max_degree >= max_community:
        raise InvalidProblem(
            f"max_degree is {max_degree} and max_community {max_community}; a vertex needs a community of over"
            f" {(1.0 - mixing) * max_degree:.0f} vertices for its inner edges: lower max_degree or raise max_community"
        )
    generator = np.random.default_rng(check_seed(seed))
    degrees = _power_law_degrees(n, degree, max_degree, degree_exponent, generator)
    sizes = _community_sizes(n, min_community, max_community, community_exponent, generator)
    within = np.floor((1.0 - mixing) * degrees + generator.random(n)).astype(np.int64)
    labels = _assign(within, sizes, generator)
    within = np.minimum(within, sizes[labels] - 1)
    vertices = np.arange(n)
    inside = _paired(np.repeat(vertices, within), labels, None, generator)
    outside = _paired(np.repeat(vertices, degrees - within), np.zeros_like(labels), labels, generator)
    edges = np.concatenate((inside, outside), axis=1)
    return AttributedGraph(undirected(edges, n), labels=labels, name=f"LFR {n:,}, mixing {mixing:g}")


def _paired(stubs: np.ndarray, groups: np.ndarray, apart: np.ndarray | None, generator: Any) -> np.ndarray:
    """Return random edges, shape (2, m), between stubs of the same group whose ends differ in `apart`, if given."""
    n = groups.size
    kept = np.empty(0, dtype=np.int64)
    for _ in range(ROUNDS):
        stubs = stubs[np.lexsort((generator.random(stubs.size), groups[stubs]))]
        # The first of a pair is every other stub of its group.
        starts = np.searchsorted(groups[stubs], groups[stubs])
        first = np.flatnonzero((np.arange(stubs.size) - starts) % 2 == 0)
        first = first[first + 1 < stubs.size]
        first = first[groups[stubs[first]] == groups[stubs[first + 1]]]
        low, high = np.minimum(stubs[first], stubs[first + 1]), np.maximum(stubs[first], stubs[first + 1])
        keys = low.astype(np.int64) * n + high
        fits = (low != high) & ~np.isin(keys, kept)
        if apart is not None:
            fits &= apart[low] != apart[high]
        unique = np.zeros(keys.size, dtype=bool)
        unique[np.unique(keys, return_index=True)[1]] = True
        fits &= unique
        kept = np.concatenate((kept, keys[fits]))
        used = np.zeros(stubs.size, dtype=bool)
        used[first[fits]] = used[first[fits] + 1] = True
        stubs = stubs[~used]
    return np.stack([kept // n, kept % n])


def _power_law_degrees(n: int, mean: float, largest: int, exponent: float, generator: Any) -> np.ndarray:
    """Return degrees with the given mean; the smallest degree is found by bisection."""
    exponent = check_number("degree_exponent", exponent, above=1.0)
    uniform = generator.random(n)

    def draw(least: float) -> np.ndarray:
        a, b = least ** (1.0 - exponent), float(largest) ** (1.0 - exponent)
        return np.maximum(1, np.rint((a + uniform * (b - a)) ** (1.0 / (1.0 - exponent)))).astype(np.int64)

    low, high = 0.5, float(largest)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if draw(middle).mean() < mean else (low, middle)
    return draw(low)


def _community_sizes(n: int, least: int, largest: int, exponent: float, generator: Any) -> np.ndarray:
    exponent = check_number("community_exponent", exponent, above=1.0)
    a, b = float(least) ** (1.0 - exponent), float(largest + 1) ** (1.0 - exponent)
    drawn: list[int] = []
    while sum(drawn) < n:
        drawn.append(int((a + generator.random() * (b - a)) ** (1.0 / (1.0 - exponent))))
    excess = sum(drawn) - n
    if drawn[-1] - excess >= least:
        drawn[-1] -= excess
    else:  # the remainder is too small for a community: spread it over the others
        rest = drawn.pop() - excess
        for i in range(rest):
            drawn[i % len(drawn)] += 1
    return np.array(drawn)


def _assign(within: np.ndarray, sizes: np.ndarray, generator: Any) -> np.ndarray:
    """Return a community for each vertex, large enough for its inner edges as far as there is room."""
    labels = np.empty(within.size, dtype=np.int64)
    room = sizes.copy()
    for vertex in np.argsort(-within, kind="stable"):
        fits = (room > 0) & (sizes > within[vertex])
        weights = (room * fits if fits.any() else room).astype(np.float64)
        labels[vertex] = np.searchsorted(np.cumsum(weights), generator.random() * weights.sum(), side="right")
        room[labels[vertex]] -= 1
    return labels
