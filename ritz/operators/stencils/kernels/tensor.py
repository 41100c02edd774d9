"""Products of stencils with torch tensors on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["multiply"]


def multiply(field: Any, diagonal: Any, couplings: Sequence[Any], periodic: Sequence[bool]) -> Any:
    """Return ``A x``, computed from slices of the whole grid.

    Parameters
    ----------
    field : torch.Tensor, shape (*grid, columns)
    diagonal : torch.Tensor, shape (*grid, 1)
    couplings : sequence of torch.Tensor
        For each axis, the coupling of each cell to the next; must broadcast to shape (*grid, 1).
    periodic : sequence of bool
        For each axis, whether the last cell is coupled to the first.

    Returns
    -------
    torch.Tensor, shape (*grid, columns)
    """
    result = diagonal * field
    for axis, (along, around) in enumerate(zip(couplings, periodic, strict=True)):
        last = field.shape[axis] - 1
        lower, upper, link = (values.narrow(axis, at, last) for values, at in ((field, 0), (field, 1), (along, 0)))
        result.narrow(axis, 0, last).sub_(link * upper)
        result.narrow(axis, 1, last).sub_(link * lower)
        if around:
            first, final, link = (
                values.narrow(axis, at, 1) for values, at in ((field, 0), (field, last), (along, last))
            )
            result.narrow(axis, last, 1).sub_(link * first)
            result.narrow(axis, 0, 1).sub_(link * final)
    return result
