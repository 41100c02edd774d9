"""Records of integers in the form in which kernels receive them fastest."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["packed"]


def packed(record: Any) -> np.ndarray:
    """Return a named tuple of integers as a structured array of length one.

    Numba takes microseconds to unpack a tuple of many fields, as long as a kernel spends on a coarse grid. The fields
    of ``packed(record)[0]`` have the same names.
    """
    return np.array([tuple(record)], dtype=[(name, np.int64) for name in record._fields])
