"""Boundary conditions on the sides of a box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from ritz.errors import InvalidProblem

__all__ = ["AXES", "BoundaryLike", "Condition", "Sides", "parse_boundary", "side_names"]

Condition: TypeAlias = Literal["dirichlet", "neumann", "periodic", "open"]
Sides: TypeAlias = tuple[tuple[Condition, Condition], ...]  # one (lower, upper) pair per axis
BoundaryLike: TypeAlias = str | Mapping[str, str] | Sides

AXES = "xyz"
CONDITIONS = ("dirichlet", "neumann", "periodic")


def side_names(dimension: int) -> list[str]:
    """Return the names of the sides of a box, ``["x-", "x+", "y-", ...]``, where x is the first array axis."""
    return [AXES[axis] + sign for axis in range(dimension) for sign in "-+"]


def parse_boundary(boundary: BoundaryLike, dimension: int, *, open_sides: bool = False) -> Sides:
    """Return the boundary conditions on both sides of every axis.

    Parameters
    ----------
    boundary : str or mapping or tuple of pairs
        One of ``"dirichlet"``, ``"neumann"`` and ``"periodic"`` for every side; ``"mixed"`` for Dirichlet on both
        x sides and Neumann elsewhere; a mapping from names of sides (``"x-"``, ``"x+"``, ``"y-"``, ...) to
        conditions, in which missing sides are Dirichlet; or one (lower, upper) pair per axis.
    dimension : int
        Number of axes.
    open_sides : bool
        Whether ``"open"`` is allowed too, which means no condition, as where characteristics leave the box or at the
        final time.

    Returns
    -------
    tuple of (str, str)
        One (lower, upper) pair per axis.

    Raises
    ------
    InvalidProblem
        For an unknown side or condition, or an axis with only one periodic side.

    Examples
    --------
    >>> parse_boundary({"y+": "neumann"}, 2)
    (('dirichlet', 'dirichlet'), ('dirichlet', 'neumann'))
    """
    names = side_names(dimension)
    conditions: list[Any]
    if isinstance(boundary, str):
        mixed = ["dirichlet"] * 2 + ["neumann"] * (2 * dimension - 2)
        conditions = mixed if boundary == "mixed" else [boundary] * (2 * dimension)
    elif isinstance(boundary, Mapping):
        unknown = sorted(set(boundary) - set(names))
        if unknown:
            raise InvalidProblem(f"boundary names the sides {unknown}; a {dimension}-D box has {names}")
        conditions = [boundary.get(name, "dirichlet") for name in names]
    else:
        pairs = list(boundary)  # a TypeError is for callers, who know what they call it
        if len(pairs) != dimension or any(not isinstance(pair, Sequence) or len(pair) != 2 for pair in pairs):
            raise InvalidProblem(
                f"boundary is {boundary!r}; give one condition or one (lower, upper) pair for each of {dimension} axes"
            )
        conditions = [condition for pair in pairs for condition in pair]
    known = (*CONDITIONS, "open") if open_sides else CONDITIONS
    for name, condition in zip(names, conditions, strict=True):
        if not isinstance(condition, str) or condition not in known:
            raise InvalidProblem(
                f"boundary condition {condition!r} on side {name}: must be one of {', '.join(known)}"
                " (or 'mixed' for the whole box)"
            )
    pairs = tuple(zip(conditions[::2], conditions[1::2], strict=True))
    for axis, pair in enumerate(pairs):
        if (pair[0] == "periodic") != (pair[1] == "periodic"):
            raise InvalidProblem(
                f"boundary on axis {AXES[axis]} is {pair}: periodic must hold on both sides of an axis"
            )
    return pairs  # pyright: ignore[reportReturnType]
