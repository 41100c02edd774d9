"""The kinds of sketches by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from ritz.errors import UnknownName

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
"""Those that need to know nothing of A but its rows: ``SKETCHES[name](size, rows, seed)``."""


def make_sketch(kind: str, size: int, rows: int, seed: int = 0) -> Sketch:
    """Return a sketch of a named kind.

    Raises
    ------
    UnknownName
        With close matches.

    Examples
    --------
    >>> make_sketch("srht", 10, 100)
    SRHT(10 x 100, float64)
    """
    if kind not in SKETCHES:
        raise UnknownName("sketch", kind, SKETCHES)
    return SKETCHES[kind](size, rows, seed)
