"""Kinds of sketches by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from ritz.arguments import check_choice

from .block_srht import BlockSRHT
from .dense_sketches import Gaussian, Rademacher
from .gaussian_pooled import GaussianPooled
from .sketch import Sketch
from .sparse_sign import CountSketch, SparseSign
from .srht import SRHT

__all__ = ["SKETCHES", "make_sketch"]

SKETCHES: MappingProxyType[str, Callable[[int, int, int], Sketch]] = MappingProxyType(
    {
        "block-srht": BlockSRHT,
        "count-sketch": CountSketch,
        "gaussian": Gaussian,
        "gaussian-pooled": GaussianPooled,
        "rademacher": Rademacher,
        "sparse-sign": SparseSign,
        "srht": SRHT,
    }
)
"""Sketches that depend only on the number of rows of A, called as ``SKETCHES[name](size, rows, seed)``."""


def make_sketch(kind: str, size: int, rows: int, seed: int = 0) -> Sketch:
    """Return a sketch of a named kind.

    Raises
    ------
    UnknownName
        If there is no such kind; the message lists close matches.

    Examples
    --------
    >>> make_sketch("srht", 10, 100)
    SRHT(10 x 100, float64)
    """
    return SKETCHES[check_choice("sketch", kind, SKETCHES)](size, rows, seed)
