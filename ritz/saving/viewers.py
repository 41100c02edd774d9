"""Files for ParaView and other viewers: unstructured meshes through meshio, and images of uniform grids."""

from __future__ import annotations

import base64
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.extras import require
from ritz.grid import Grid
from ritz.saving.contents import fields_of

__all__ = ["viewer_file", "viewer_mesh"]

KINDS = {(1, 2): "line", (2, 3): "triangle", (2, 4): "quad", (3, 4): "tetra", (3, 8): "hexahedron"}
CORNERS: dict[int, tuple[tuple[int, ...], ...]] = {1: ((0,), (1,)), 2: ((0, 0), (1, 0), (1, 1), (0, 1))}
CORNERS[3] = tuple((*corner, z) for z in (0, 1) for corner in CORNERS[2])  # the order of VTK


def viewer_file(solution: Any, suffix: str) -> bytes:
    """Return the bytes of a ``.vtu``, ``.xdmf`` or ``.vti`` file of a solution on a grid or mesh."""
    if suffix == ".vti":
        return _image(solution)
    mesh = viewer_mesh(solution)
    options = {"data_format": "XML"} if suffix == ".xdmf" else {}  # one file that needs no other
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"solution{suffix}"
        mesh.write(made, **options)
        return made.read_bytes()


def viewer_mesh(solution: Any) -> Any:
    """Return a ``meshio.Mesh`` with the fields of a solution as data of its points."""
    meshio = require("meshio", "files")
    fields = _real(fields_of(solution))
    if getattr(solution, "space", None) is not None:
        mesh = solution.space.tagged.mesh
        points, cells = mesh.p.T, mesh.t.T
        kind = KINDS[mesh.dim(), cells.shape[1]]
        if kind == "hexahedron":
            from skfem.io.meshio import INV_HEX_MAPPING

            cells = cells[:, INV_HEX_MAPPING[:8]]
    else:
        grid = _grid(solution)
        points, cells = np.stack(grid.coordinates(), axis=1), _cells(grid)
        kind = KINDS[grid.dimension, cells.shape[1]]
    data = {name: values if values.ndim == 1 else _in_space(values) for name, values in fields.items()}
    return meshio.Mesh(_in_space(points), [(kind, cells)], point_data=data)


def _grid(solution: Any) -> Grid:
    grid = solution.grid
    if grid is None or grid.dimension > 3:
        raise InvalidProblem(
            "the solution has no grid of up to three dimensions and no mesh, so a viewer cannot show it: use .npz, .h5"
            " or .nc"
        )
    return grid


def _cells(grid: Grid) -> np.ndarray:
    """Return the cells between neighbouring unknowns, without those that touch an obstacle."""
    if min(grid.shape) < 2:
        raise InvalidProblem(f"the grid {grid.shape} has one unknown along an axis, so it has no cells to show")
    numbers = np.arange(grid.size).reshape(grid.shape)
    blocks = [
        numbers[tuple(slice(shift, n - 1 + shift) for shift, n in zip(corner, grid.shape, strict=True))].ravel()
        for corner in CORNERS[grid.dimension]
    ]
    cells = np.stack(blocks, axis=1)
    return cells if grid.solid is None else cells[~np.ravel(grid.solid)[cells].any(axis=1)]


def _in_space(points: np.ndarray) -> np.ndarray:
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))


def _real(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    result: dict[str, np.ndarray] = {}
    for name, values in fields.items():
        if np.iscomplexobj(values):
            result |= {f"{name}_real": np.real(values).copy(), f"{name}_imaginary": np.imag(values).copy()}
        else:
            result[name] = values
    return result


def _image(solution: Any) -> bytes:
    """Return a VTK XML image: one number after another, x fastest, with its length in bytes before it."""
    if getattr(solution, "space", None) is not None:
        raise InvalidProblem("a solution on a mesh is not an image: use .vtu")
    grid = _grid(solution)
    try:
        spacing = grid.spacing
    except InvalidProblem:
        raise InvalidProblem("the grid is not uniform, as .vti has it: use .vtu") from None
    extra = (0,) * (3 - grid.dimension)
    extent = " ".join(f"0 {n - 1}" for n in (*grid.shape, *[n + 1 for n in extra]))
    origin = " ".join(repr(float(v)) for v in (*[axis[0] for axis in grid.axes], *extra))
    steps = " ".join(repr(float(v)) for v in (*spacing, *[n + 1 for n in extra]))
    arrays = [_array(name, grid.field(values)) for name, values in _real(fields_of(solution)).items()]
    piece = f'<Piece Extent="{extent}"><PointData>{"".join(arrays)}</PointData></Piece>'
    image = f'<ImageData WholeExtent="{extent}" Origin="{origin}" Spacing="{steps}">{piece}</ImageData>'
    head = '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">'
    return f'<?xml version="1.0"?>\n{head}{image}</VTKFile>\n'.encode()


def _array(name: str, field: np.ndarray) -> str:
    kind = "Float32" if field.dtype == np.float32 else "Float64"
    data = field.T.astype("<f4" if kind == "Float32" else "<f8").tobytes()
    coded = base64.b64encode(struct.pack("<Q", len(data)) + data).decode()
    return f'<DataArray type="{kind}" Name="{_escaped(name)}" format="binary">{coded}</DataArray>'


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)
