"""Conditions on the tagged parts of the boundary of a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ritz.errors import InvalidProblem

from .reading import TaggedMesh

__all__ = ["Condition", "read_conditions", "values_at"]

REST = "boundary"  # the tag of all facets that no other condition names
KINDS = {"dirichlet": 1, "neumann": 1, "robin": 2}


@dataclass(frozen=True)
class Condition:
    """A condition on some facets.

    Parameters
    ----------
    tag : str
    kind : {"dirichlet", "neumann", "robin"}
    facets : ndarray of int
    values : tuple
        u, the flux, or the coefficient and the right-hand side of a Robin condition.
    """

    tag: str
    kind: str
    facets: np.ndarray
    values: tuple[Any, ...]


def read_conditions(given: Any, mesh: TaggedMesh) -> list[Condition]:
    """Return the conditions of a mapping from tags.

    Raises
    ------
    InvalidProblem
        For tags that the mesh does not have, conditions that overlap, and values of another form.
    """
    if not isinstance(given, Mapping):
        raise InvalidProblem(f"conditions is a {type(given).__name__}; give a mapping from tags to values")
    known, missing = sorted(mesh.boundaries), [tag for tag in given if tag not in mesh.boundaries and tag != REST]
    if missing:
        have = f"its tags are {', '.join(map(repr, known))}" if known else "it has no tags"
        raise InvalidProblem(
            f"conditions names {missing[0]!r}, and the mesh has no such part of the boundary: {have};"
            f" {REST!r} stands for all that no other condition names"
        )
    owner: dict[int, str] = {}
    found: list[Condition] = []
    for tag, value in sorted(given.items(), key=lambda item: item[0] == REST and REST not in mesh.boundaries):
        if tag in mesh.boundaries:
            facets = mesh.boundaries[tag]
        else:
            facets = np.setdiff1d(mesh.mesh.boundary_facets(), np.fromiter(owner, dtype=np.int64))
        shared = [owner[facet] for facet in facets.tolist() if facet in owner]
        if shared:
            raise InvalidProblem(f"conditions overlap: {shared[0]!r} and {tag!r} share {len(shared)} facets")
        owner.update(dict.fromkeys(facets.tolist(), tag))
        found.append(_condition(tag, facets, value))
    return found


def _condition(tag: str, facets: np.ndarray, value: Any) -> Condition:
    if not (isinstance(value, tuple) and value and isinstance(value[0], str)):
        return Condition(tag, "dirichlet", facets, (value,))
    kind, *values = value
    if kind not in KINDS or len(values) != KINDS[kind]:
        raise InvalidProblem(
            f"conditions[{tag!r}] is {value!r}; give u, ('dirichlet', u), ('neumann', flux) or ('robin', a, g)"
        )
    return Condition(tag, kind, facets, tuple(values))


def values_at(name: str, value: Any, points: np.ndarray, components: int) -> np.ndarray:
    """Return a number, vector or function at points, shape ``(components, ...)``; None in a vector becomes NaN.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    value : float, sequence, or callable
        A function takes the coordinates as arrays, ``value(x, y)``, and returns one array, or one per component.
    points : ndarray, shape (d, ...)
    components : int
    """
    shape = points.shape[1:]
    parts: Any
    if callable(value):
        value = value(*points)
        parts = value if components > 1 else [value]
    else:
        parts = [value] if components == 1 else value
    if np.ndim(parts) == 0 or len(parts) != components:
        got = f"{len(parts)} components" if np.ndim(parts) else "one number"
        raise InvalidProblem(f"{name} has {got}; this equation on a {points.shape[0]}-D mesh takes {components}")
    result: Any = np.empty((components, *shape))
    for row, part in zip(result, parts, strict=True):
        try:
            values = np.asarray(np.nan if part is None else part, dtype=np.float64)
            row[...] = values
        except (TypeError, ValueError):
            raise InvalidProblem(
                f"{name} gives {type(part).__name__} of shape {np.shape(cast(Any, part))}; it must be numbers of shape"
                f" {shape}"
            ) from None
        if part is not None and not np.isfinite(values).all():
            raise InvalidProblem(f"{name} has values that are NaN or infinite")
    return result
