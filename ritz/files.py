"""Writing files atomically: whole or not at all."""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_figure_path", "check_folder", "save_array", "save_figure", "to_json", "write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write `content` to `path` atomically: a failure leaves the previous file, if any, as it was.

    Parameters
    ----------
    path : path
        Where to write; the folder must exist.
    content : str or bytes
        Text, which is encoded as UTF-8, or bytes.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written, or the disk is full; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "note.txt", "done").read_text()
    'done'
    """
    path = check_folder(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        if path.exists() and not path.is_file():  # a device or pipe, which must not be replaced
            path.write_bytes(data)
            return path
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise type(error)(error.errno, f"cannot write {str(path)!r}: {error.strerror or error}") from None
        raise
    return path


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Return `path`, or raise an `OSError` that says why no file can be written there."""
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"cannot write {str(path)!r}: there is no folder {str(folder)!r}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {str(path)!r}: it is a folder")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"cannot write {str(path)!r}: the folder {str(folder)!r} is read-only")
    return path


def check_figure_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` if a figure can be saved there: do what `check_folder` does, and check the picture format.

    Raises
    ------
    InvalidProblem
        If the suffix of `path` is not a format that matplotlib writes.
    OSError
        As for `check_folder`.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    path = check_folder(path)
    formats = FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in formats:
        raise InvalidProblem(
            f"{str(path)!r} does not end in a picture format; use one of {', '.join('.' + f for f in sorted(formats))}"
        )
    return path


def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: int = 150) -> Path:
    """Write a matplotlib figure in the format its file name ends in, whole or not at all."""
    path = check_figure_path(path)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:].lower(), dpi=dpi)
    return write_atomically(path, buffer.getvalue())


def save_array(values: Array, path: str | os.PathLike[str]) -> Path:
    """Write an array as a NumPy ``.npy`` file, whole or not at all."""
    buffer = io.BytesIO()
    np.save(buffer, to_numpy(values))
    return write_atomically(path, buffer.getvalue())


def to_json(value: Any) -> str:
    """Return `value` as JSON: arrays become lists, NaN and infinities null, other objects strings.

    Examples
    --------
    >>> print(to_json({"residuals": np.array([1.0, np.nan])}), end="")
    {
     "residuals": [
      1.0,
      null
     ]
    }
    """
    return json.dumps(_jsonable(value), indent=1, allow_nan=False) + "\n"


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _mode(path: Path) -> int:
    """Return the permissions of the file to be replaced, or those of a new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
