"""Weights of trained networks, in files that say what they are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidWeights
from ritz.files import write_atomically

__all__ = ["FORMAT", "Weights", "load_weights", "save_weights"]

FORMAT = 1
KEY = "ritz"
FACTS = ("family", "dimension", "seed", "spec", "training", "validation")


@dataclass(frozen=True, eq=False)
class Weights:
    """Arrays of a trained network, with what it takes to use them and to train them again.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Parameters by name.
    family : str
        What the network is for, such as ``"dcdm"``: a reader asks for the family it understands.
    dimension : int
        Axes of the grids the network works on.
    seed : int
        That training started from.
    spec : mapping
        Arguments that build the network, as JSON takes them.
    training : mapping
        Settings of training, as JSON takes them.
    validation : mapping
        What the network reached on data kept apart, such as iterations by name of the system.

    Examples
    --------
    >>> Weights({"scale": np.ones(3)}, family="example", dimension=2).count
    3
    """

    arrays: Mapping[str, np.ndarray]
    family: str
    dimension: int
    seed: int = 0
    spec: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of parameters."""
        return sum(values.size for values in self.arrays.values())


def save_weights(path: str | os.PathLike[str], weights: Weights) -> Path:
    """Write weights as a safetensors file, whole or not at all, with their metadata and a checksum of both.

    Parameters
    ----------
    path : path
        Its folder must exist.
    weights : Weights

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weights = Weights({"scale": np.ones(3)}, family="example", dimension=2, validation={"box": 12})
    ...     load_weights(save_weights(Path(folder) / "example.safetensors", weights)).validation
    {'box': 12}
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(values, order="C") for name, values in weights.arrays.items()}
    facts = {"format": FORMAT, **{name: _plain(getattr(weights, name)) for name in FACTS}}
    facts["checksum"] = _checksum(arrays, facts)
    metadata = {KEY: json.dumps(facts, sort_keys=True)}  # one entry: several have no fixed order in the file
    return write_atomically(path, save(arrays, metadata))


def load_weights(path: str | os.PathLike[str], *, family: str | None = None, dimension: int | None = None) -> Weights:
    """Read weights that `save_weights` wrote. Nothing in the file is executed, and torch is not needed.

    Parameters
    ----------
    path : path
    family : str, optional
        That is needed.
    dimension : int, optional
        That is needed.

    Raises
    ------
    InvalidWeights
        For a file that is missing, truncated, changed since it was written, of another format version, or whose
        family or dimension is not the one needed.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise InvalidWeights(path, "there is no such file")
    try:
        with safe_open(path, framework="np") as file:
            metadata = json.loads((file.metadata() or {}).get(KEY, "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise InvalidWeights(path, f"it is damaged or no safetensors file ({error})") from None
    version, checksum = metadata.get("format"), metadata.pop("checksum", None)
    if version is None or checksum is None:
        raise InvalidWeights(path, "it holds no metadata of Ritz")
    if version != FORMAT:
        raise InvalidWeights(path, f"it has format version {version}, and this version of Ritz reads {FORMAT}")
    if checksum != _checksum(arrays, metadata):
        raise InvalidWeights(path, "its checksum does not match: it was changed after it was written")
    facts = {name: metadata[name] for name in FACTS}
    for name, needed in (("family", family), ("dimension", dimension)):
        if needed is not None and facts[name] != needed:
            raise InvalidWeights(path, f"it is for {name} {facts[name]!r}, and {needed!r} is needed")
    return Weights(arrays, **facts)


def _checksum(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything that is in a file, independent of the order it is kept in."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return `value` in the types that JSON gives back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value
