"""Attributes as weighted links between vertices and attribute values."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, hstack

from ritz.problem_types.attributed_graph import AttributeBlock, AttributedGraph, short_indices

from .scores import BINS

__all__ = ["attribute_factor", "attribute_values"]


def attribute_values(block: AttributeBlock) -> csr_array:
    """Return the share of each attribute value at each vertex, shape (n, values).

    Each vertex has one value of a categorical attribute. A continuous attribute is divided into bins at its quantiles,
    and a vertex is shared between the two bins whose centres enclose its value, so that the result is continuous.
    """
    if block.kind == "binary":
        return block.values
    return csr_array(hstack([_column(values, block.kind) for values in block.values.T], format="csr"))


def attribute_factor(graph: AttributedGraph) -> csr_array | None:
    r"""Return Y, shape (n, m), such that :math:`YY^T` is the normalised similarity of the attributes, or None.

    Values are weighted by the logarithm of their inverse frequency (tf-idf :cite:`SparckJones1972`), so values that all
    vertices share do not count, and the rows Z are scaled to unit length: :math:`S=ZZ^T` holds the cosines between
    vertices. Like the adjacency, S is then divided on both sides by the square root of its row sums plus their mean.
    The result is None if there are no attributes, or none that distinguishes vertices.

    Examples
    --------
    >>> graph = AttributedGraph(np.ones((4, 4)), attributes=["a", "a", "b", "b"])
    >>> Y = attribute_factor(graph)
    >>> (Y @ Y.T).toarray().round(2).tolist()[0]
    [0.25, 0.25, 0.0, 0.0]
    """
    if not graph.attribute_blocks:
        return None
    values: Any = hstack([attribute_values(block) for block in graph.attribute_blocks], format="csr")
    frequency = np.asarray((values > 0).sum(axis=0))
    telling = np.flatnonzero((frequency > 1) & (frequency < graph.size))
    if telling.size == 0:
        return None
    weighted = csr_array(values[:, telling] @ diags_array(np.log(graph.size / frequency[telling])))
    unit = _scaled_rows(weighted, np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1))))
    sums = unit @ np.asarray(unit.sum(axis=0))
    return _scaled_rows(unit, np.sqrt(sums + sums.mean()))


def _scaled_rows(matrix: csr_array, divisors: np.ndarray) -> csr_array:
    inverse = np.divide(1.0, divisors, out=np.zeros_like(divisors), where=divisors > 0)
    return short_indices(csr_array(diags_array(inverse) @ matrix))


def _column(values: np.ndarray, kind: str) -> csr_array:
    n = values.size
    if kind == "categorical":
        codes = np.unique(values, return_inverse=True)[1]
        return csr_array((np.ones(n), codes, np.arange(n + 1)), shape=(n, int(codes.max()) + 1))
    centres = np.unique(np.quantile(values, (np.arange(BINS) + 0.5) / BINS))
    if centres.size == 1:
        return csr_array(np.ones((n, 1)))
    place = np.interp(values, centres, np.arange(centres.size))
    left = np.minimum(place.astype(np.int64), centres.size - 2)
    share = place - left
    rows = np.concatenate((np.arange(n), np.arange(n)))
    entries = np.concatenate((1.0 - share, share)), (rows, np.concatenate((left, left + 1)))
    shared = csr_array(coo_array(entries, shape=(n, centres.size)))
    shared.eliminate_zeros()
    return shared
