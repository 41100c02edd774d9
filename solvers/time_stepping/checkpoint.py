"""Checkpoints of a run, from which it continues exactly."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.files import check_folder, write_atomically
from ritz.problem_types.evolution.evolution import Evolution

__all__ = ["Checkpoint"]

FORMAT = 1


class Checkpoint:
    """A file that holds the arrays of a run.

    Parameters
    ----------
    path : path
    every : int
        Steps between two writes.
    evolution : Evolution
    start : ndarray
        Initial state.
    labels : mapping
        What else decides the course of the run.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int,
        evolution: Evolution,
        start: np.ndarray,
        labels: dict[str, Any],
    ):
        self.path, self.every = check_folder(Path(path)), every
        mark = hashlib.sha256(repr((FORMAT, sorted(labels.items()), evolution.fields)).encode())
        for values in (start, evolution.times, evolution.rate(float(evolution.times[0]), start)):
            mark.update(np.ascontiguousarray(values).tobytes())
        self._mark = mark.hexdigest()

    def write(self, arrays: dict[str, np.ndarray]) -> None:
        """Write the file, whole or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, **{**arrays, "mark": np.array(self._mark)})  # pyright: ignore[reportArgumentType]
        write_atomically(self.path, buffer.getvalue())

    def read(self) -> dict[str, np.ndarray] | None:
        """Return the arrays, or None if there is no file.

        Raises
        ------
        InvalidProblem
            If the file is no checkpoint, or that of another problem or other options.
        """
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InvalidProblem(f"checkpoint {str(self.path)!r} cannot be read: {error}") from error
        if str(arrays.pop("mark", "")) != self._mark:
            raise InvalidProblem(
                f"checkpoint {str(self.path)!r} belongs to another problem, or to other times, tolerances or options:"
                " remove it, or give another path"
            )
        return arrays
