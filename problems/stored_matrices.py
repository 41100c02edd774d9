"""Matrices in Matrix Market files and NumPy archives, whose claims are compared with the size of the file first."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array

from ritz.errors import InvalidProblem

__all__ = ["read_archive", "read_matrix_market"]

BANNER = re.compile(rb"%%MatrixMarket\s+matrix\s+(\w+)\s+([\w-]+)\s+([\w-]+)\s*", re.IGNORECASE)
SYMMETRIES = {"general": 0.0, "symmetric": 1.0, "hermitian": 1.0, "skew-symmetric": -1.0}
LEAST_BYTES = {"pattern": 4, "complex": 8}  # of an entry in coordinate format; 6 with a real value
ROWS_FREE, ROWS_PER_BYTE = 10_000_000, 1_000  # rows a file may claim: more are not filled by its entries
DAMAGE = (ValueError, OSError, EOFError, OverflowError, IndexError, MemoryError, zlib.error)
OF_NUMBERS, OF_NAMES = b"0123456789+-.eE \t\r\n", b"infatyINFATY"  # the latter of inf, infinity and nan
RATIO = 1_032  # the most that Deflate compresses


class _Header(NamedTuple):
    """The banner and the line of sizes of a Matrix Market file, and where its entries begin."""

    form: str
    field: str
    symmetry: str
    sizes: tuple[int, ...]
    start: int

    @property
    def entries(self) -> int:
        """Number of stored entries."""
        rows, columns = self.sizes[:2]
        if self.form == "coordinate":
            return self.sizes[2]
        triangle = {"general": rows * columns, "skew-symmetric": rows * (rows - 1) // 2}
        return triangle.get(self.symmetry, rows * (rows + 1) // 2)


def read_matrix_market(path: Path, argument: str) -> tuple[Any, str]:
    """Return the matrix of a ``.mtx`` or ``.mtx.gz`` file, and its field.

    Entries that occur repeatedly are added, as SciPy does.

    Parameters
    ----------
    path : Path
    argument : str
        Name of the argument, for error messages.

    Returns
    -------
    coo_array or ndarray, shape (m, n)
        In coordinate and in array format, of float64; complex ones of complex128.
    str
        ``"real"``, ``"integer"``, ``"complex"`` or ``"pattern"``.

    Raises
    ------
    InvalidProblem
        For a file that is missing or malformed, claims more entries than it could hold, stores both triangles of a
        symmetric matrix, or a diagonal of a skew-symmetric one.
    """
    from scipy.io import mmread

    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        header = _header(content)
        _check_claims(header, len(content) - header.start)
        _check_entries(header, content)
        # Symmetric entries are mirrored here, since SciPy adds both triangles where a file stores both.
        field = "real" if header.field == "integer" else header.field
        symmetry = "general" if header.form == "coordinate" else header.symmetry
        banner = f"%%MatrixMarket matrix {header.form} {field} {symmetry}\n{' '.join(map(str, header.sizes))}\n"
        read: Any = mmread(io.BytesIO(banner.encode() + content[header.start :] + b"\n"))
        values = read if header.form == "array" else read.data
        if header.field == "integer" and not np.array_equal(values, np.round(values)):
            raise ValueError("its banner says integer, and it holds fractions")
        matrix = values if header.form == "array" else _mirrored(coo_array(read), header.symmetry)
    except DAMAGE as error:
        reason = "it does not fit into memory" if isinstance(error, MemoryError) else error
        raise InvalidProblem(f"{argument} {path} is not a readable Matrix Market file: {reason}") from None
    return matrix, header.field


def _header(content: bytes) -> _Header:
    found = BANNER.match(content)
    if found is None:
        raise ValueError("it does not begin with %%MatrixMarket matrix, a format, a field and a symmetry")
    form, field, symmetry = (word.decode().lower() for word in found.groups())
    if form not in ("coordinate", "array") or symmetry not in SYMMETRIES:
        raise ValueError(f"format {form!r} and symmetry {symmetry!r} are not known")
    position = found.end()
    while True:
        end = content.find(b"\n", position)
        line = content[position : len(content) if end < 0 else end].strip()
        if line and not line.startswith(b"%"):
            break
        if end < 0:
            raise ValueError("it ends before the line of sizes")
        position = end + 1
    sizes = tuple(int(word) for word in line.split())
    if len(sizes) != (3 if form == "coordinate" else 2) or min(sizes) < 0:
        raise ValueError(f"its line of sizes reads {line.decode(errors='replace')!r}")
    return _Header(form, field, symmetry, sizes, len(content) if end < 0 else end + 1)


def _check_claims(header: _Header, available: int) -> None:
    """Raise `ValueError` if a header contradicts itself or the number of bytes after it, before memory is taken."""
    rows, columns = header.sizes[:2]
    least = LEAST_BYTES.get(header.field, 6) if header.form == "coordinate" else 2
    if header.entries * least - 1 > available:
        raise ValueError(f"it claims {header.entries} entries, and {available} bytes follow")
    if max(rows, columns) > ROWS_FREE + ROWS_PER_BYTE * available:
        raise ValueError(f"it claims {rows} x {columns}, and {available} bytes follow")
    if header.symmetry != "general" and rows != columns:
        raise ValueError(f"it is {rows} x {columns} and {header.symmetry}")


def _check_entries(header: _Header, content: bytes) -> None:
    """Raise `ValueError` for entries that SciPy reads as far as they look like numbers, and drops the rest.

    Only the first entry's number of fields is compared with the banner.
    """
    line = content[header.start : header.start + 1000].lstrip().split(b"\n")[0]
    words = {"pattern": 0, "complex": 2}.get(header.field, 1) + 2 * (header.form == "coordinate")
    if header.entries and not line.startswith(b"%") and len(line.split()) != words:
        raise ValueError(
            f"its first entry reads {line.decode(errors='replace').strip()!r}, and has {words} by the banner"
        )
    body = content[header.start :] + b"\n"
    letters = body.translate(None, OF_NUMBERS).translate(None, OF_NAMES)
    if letters and b"%" not in letters:
        raise ValueError(f"its entries hold the letters {letters[:20].decode(errors='replace')!r}")
    if any(ending + space in body for ending in (b"e", b"E", b"+", b"-") for space in (b"\n", b"\r", b" ", b"\t")):
        raise ValueError("it holds an exponent or a sign without digits")


def _mirrored(stored: coo_array, symmetry: str) -> coo_array:
    """Return the whole matrix of which one triangle is stored."""
    sign = SYMMETRIES[symmetry]
    if not sign:
        return stored
    rows, columns = (part.astype(np.int64) for part in stored.coords)
    below, above = rows > columns, rows < columns
    if sign < 0 and stored.data[~(below | above)].any():
        raise ValueError("it is skew-symmetric and has entries on its diagonal")
    n = int(stored.shape[0])  # pyright: ignore[reportOptionalSubscript]
    twice = np.intersect1d(rows[below] * n + columns[below], columns[above] * n + rows[above])
    if twice.size:
        i, j = divmod(int(twice[0]), n)
        raise ValueError(
            f"it is {symmetry} and stores both entries {i + 1} {j + 1} and {j + 1} {i + 1}: store one triangle, or"
            " write 'general' in its first line"
        )
    off = below | above
    values = np.concatenate([stored.data, sign * stored.data[off]])
    ends = np.concatenate([rows, columns[off]]), np.concatenate([columns, rows[off]])
    return coo_array((values, ends), shape=stored.shape)


def read_archive(path: Path, argument: str) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz`` file by name.

    Raises
    ------
    InvalidProblem
        For a file that is damaged, holds objects, or claims arrays that it could not hold.
    """
    known = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as stream:
                    read_header = known.get(np.lib.format.read_magic(stream))
                    shape, _, dtype = read_header(stream) if read_header else ((), False, np.dtype(np.uint8))
                size = prod(shape) * dtype.itemsize
                if size > member.file_size or member.file_size > RATIO * (member.compress_size + 64):
                    raise ValueError(f"{member.filename} claims {size} bytes, and {member.compress_size} are stored")
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (*DAMAGE, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise InvalidProblem(f"{argument} {path} is not a readable .npz file: {error}") from None
