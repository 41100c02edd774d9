"""Meshes from files, with their tags."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem, MissingExtra
from ritz.extras import require

__all__ = ["TaggedMesh", "read_mesh"]

SIMPLEX_EDGES = 1e-10  # smallest volume of a cell, relative to its longest edge to the power of the dimension

# Names of meshio's cells: class of scikit-fem, dimension, number of corners. Nodes besides the corners are dropped.
CELLS = {
    **dict.fromkeys(("line", "line3"), ("MeshLine", 1, 2)),
    **dict.fromkeys(("triangle", "triangle6", "triangle7"), ("MeshTri", 2, 3)),
    **dict.fromkeys(("quad", "quad8", "quad9"), ("MeshQuad", 2, 4)),
    **dict.fromkeys(("tetra", "tetra10"), ("MeshTet", 3, 4)),
    **dict.fromkeys(("hexahedron", "hexahedron20", "hexahedron27"), ("MeshHex", 3, 8)),
}
FACETS = {**CELLS, "vertex": ("", 0, 1)}


@dataclass(frozen=True)
class TaggedMesh:
    """A mesh of scikit-fem, with named sets of boundary facets and of cells.

    Parameters
    ----------
    mesh : skfem.Mesh
    boundaries : dict of str to ndarray of int
        Numbers of facets on the boundary.
    regions : dict of str to ndarray of int
        Numbers of cells.
    """

    mesh: Any
    boundaries: dict[str, np.ndarray]
    regions: dict[str, np.ndarray]

    @property
    def dimension(self) -> int:
        """Dimension of the domain."""
        return int(self.mesh.dim())


def read_mesh(source: Any) -> TaggedMesh:
    """Read a mesh file, or convert a mesh of meshio or scikit-fem, and check its cells.

    Raises
    ------
    InvalidProblem
        Naming what is wrong with the file or its cells.
    MissingExtra
        Without scikit-fem or meshio.
    """
    try:
        import skfem
    except ImportError:
        raise MissingExtra("scikit-fem", "fem") from None
    if isinstance(source, skfem.Mesh):
        return _checked(source, dict(source.boundaries or {}), dict(source.subdomains or {}))
    meshio = require("meshio", "fem")
    if not isinstance(source, meshio.Mesh):
        source = _read(meshio, source)
    return _checked(*_converted(source, skfem))


def _read(meshio: Any, path: Any) -> Any:
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidProblem(f"file is a {type(path).__name__}; give a path, or a mesh of meshio or scikit-fem")
    place = Path(path)
    if not place.is_file():
        raise InvalidProblem(f"file is {str(place)!r}, and there is no such file")
    known = meshio.extension_to_filetypes
    if place.suffix.lower() not in known:
        raise InvalidProblem(
            f"file is {str(place)!r}, and {place.suffix!r} is no known format: use one of {', '.join(sorted(known))}"
        )
    try:
        return meshio.read(place)
    except (Exception, SystemExit) as error:  # readers of meshio fail in many ways, and some exit
        raise InvalidProblem(f"file {str(place)!r} cannot be read: {error or type(error).__name__}") from error


def _converted(found: Any, skfem: Any) -> tuple[Any, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the mesh of the cells of highest dimension, and what the tags of the file name."""
    kinds = {block.type for block in found.cells}
    dimension = max((CELLS[kind][1] for kind in kinds if kind in CELLS), default=0)
    unknown = sorted(kinds - set(FACETS))
    tops = {CELLS[kind][0] for kind in kinds if kind in CELLS and CELLS[kind][1] == dimension}
    if unknown or len(tops) != 1:
        cells = ", ".join(unknown or sorted(tops)) or "no cells"
        raise InvalidProblem(
            f"file has {cells}; a mesh consists of lines, triangles, quadrilaterals, tetrahedra or hexahedra, of one"
            " kind"
        )
    points = _in_the_space(np.asarray(found.points, dtype=np.float64), dimension)
    blocks = [(number, block) for number, block in enumerate(found.cells) if FACETS[block.type][1] == dimension]
    corners = FACETS[blocks[0][1].type][2]
    cells = np.concatenate([np.asarray(block.data)[:, :corners] for _, block in blocks]).astype(np.int64)
    used, flat = np.unique(cells, return_inverse=True)  # nodes of no cell would be unknowns without equations
    cells = flat.reshape(cells.shape)
    renumbered = np.full(len(points), -1)
    renumbered[used] = np.arange(used.size)
    if tops == {"MeshHex"}:
        from skfem.io.meshio import HEX_MAPPING

        cells = cells[:, HEX_MAPPING[:8]]
    _check_corners(points[used], cells)
    mesh = getattr(skfem, tops.pop())(np.ascontiguousarray(points[used].T), np.ascontiguousarray(cells.T))
    regions = _collected(found, {number: np.arange(len(block.data)) for number, block in blocks}, dimension, blocks)
    return mesh, _facets(found, mesh, renumbered, dimension), regions


def _in_the_space(points: np.ndarray, dimension: int) -> np.ndarray:
    extra = points[:, dimension:]
    if extra.size and np.ptp(extra, axis=0).max() > 1e-12 * np.ptp(points, axis=0).max():
        raise InvalidProblem(
            f"file has cells of dimension {dimension} that do not lie in one plane z = constant; surfaces in space are"
            " not supported"
        )
    return points[:, :dimension]


def _facets(found: Any, mesh: Any, renumbered: np.ndarray, dimension: int) -> dict[str, np.ndarray]:
    """Return the tagged facets of the boundary by matching their corners with those of the mesh."""
    number_of = {tuple(sorted(corners)): number for number, corners in enumerate(mesh.facets.T.tolist())}
    blocks = [(number, block) for number, block in enumerate(found.cells) if FACETS[block.type][1] == dimension - 1]
    places: dict[int, np.ndarray] = {}
    for number, block in blocks:
        corners = np.sort(renumbered[np.asarray(block.data)[:, : FACETS[block.type][2]]], axis=1)
        places[number] = np.array([number_of.get(tuple(row), -1) for row in corners.tolist()], dtype=np.int64)
    tags = _collected(found, places, dimension - 1, blocks)
    on_boundary = np.zeros(mesh.facets.shape[1], dtype=bool)
    on_boundary[mesh.boundary_facets()] = True
    return {tag: facets[on_boundary[facets]] for tag, facets in tags.items() if on_boundary[facets].any()}


def _collected(
    found: Any, places: dict[int, np.ndarray], dimension: int, blocks: list[tuple[int, Any]]
) -> dict[str, np.ndarray]:
    """Return the numbers of cells by tag: from sets, from names of physical groups, and from integer data."""
    tags: dict[str, list[np.ndarray]] = {}
    names = {(int(pair[0]), int(pair[1])): name for name, pair in found.field_data.items() if np.size(pair) >= 2}
    for name, members in found.cell_sets.items():
        if name.startswith("gmsh:"):
            continue
        for number, _ in blocks:
            if members[number] is not None and len(members[number]):
                tags.setdefault(name, []).append(places[number][np.asarray(members[number], dtype=np.int64)])
    for key, data in found.cell_data.items():
        if key == "gmsh:geometrical" or any(np.asarray(block).dtype.kind not in "iu" for block in data):
            continue
        for number, _ in blocks:
            values = np.ravel(data[number])
            if values.size != places[number].size:
                continue
            for value in np.unique(values):
                name = names.get((int(value), dimension), str(value))
                tags.setdefault(name, []).append(places[number][values == value])
    merged = {name: np.unique(np.concatenate(parts)) for name, parts in tags.items()}
    return {name: numbers[numbers >= 0] for name, numbers in merged.items() if (numbers >= 0).any()}


def _check_corners(points: np.ndarray, cells: np.ndarray) -> None:
    if not np.isfinite(points).all():
        raise InvalidProblem("file has nodes whose coordinates are NaN or infinite")
    ordered = np.sort(cells, axis=1)
    twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if twice.size:
        raise InvalidProblem(f"file has {twice.size} degenerate cells with a corner twice, such as cell {twice[0]}")


def _checked(mesh: Any, boundaries: dict[str, Any], regions: dict[str, Any]) -> TaggedMesh:
    """Check the volumes of cells: at the corners for those that are not simplices."""
    corners = mesh.doflocs[:, mesh.t]
    if mesh.t.shape[0] in (2, 3) or (mesh.t.shape[0] == 4 and mesh.dim() == 3):
        reference = np.full((mesh.dim(), 1), 1.0 / (mesh.dim() + 1))
    else:
        reference = np.array(np.meshgrid(*[[0.0, 1.0]] * mesh.dim())).reshape(mesh.dim(), -1)
    with np.errstate(divide="ignore", invalid="ignore"):  # scikit-fem divides by volumes at once
        volumes = np.asarray(mesh._mapping().detDF(reference))
    longest = np.ptp(corners, axis=1).max(axis=0) ** mesh.dim()
    flat = np.abs(volumes).min(axis=1) <= SIMPLEX_EDGES * longest
    folded = (volumes.max(axis=1) > 0) & (volumes.min(axis=1) < 0)
    bad = np.flatnonzero(flat | folded)
    if bad.size:
        centre = ", ".join(f"{x:.3g}" for x in corners[:, :, bad[0]].mean(axis=1))
        raise InvalidProblem(
            f"file has {bad.size} degenerate cells, of no volume or folded, such as cell {bad[0]} at ({centre}): remesh"
        )
    return TaggedMesh(
        mesh,
        {name: np.asarray(facets, dtype=np.int64) for name, facets in boundaries.items()},
        {name: np.asarray(cells, dtype=np.int64) for name, cells in regions.items()},
    )
