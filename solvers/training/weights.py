"""Weights of trained networks, and self-describing files of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem, InvalidWeights
from ritz.files import write_atomically

__all__ = ["FORMAT", "Weights", "load_weights", "settings_of"]

FORMAT = 1
KEY = "ritz"
FACTS = ("family", "dimension", "seed", "spec", "training", "validation")


@dataclass(frozen=True, eq=False)
class Weights:
    """Arrays of a trained network, with the metadata needed to use them and to train them again.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Parameters by name.
    family : str
        Kind of network, such as ``"dcdm"``; readers ask for the family they understand.
    dimension : int
        Number of axes of the grids the network works on.
    seed : int
        Seed of the training.
    spec : mapping
        Arguments that build the network, as JSON values.
    training : mapping
        Settings of the training, as JSON values.
    validation : mapping
        Results on validation data, such as iterations by name of the system.

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

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a safetensors file atomically, with the metadata and a checksum of both.

        Parameters
        ----------
        path : path
            File to write; its folder must exist.

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
        ...     load_weights(weights.save(Path(folder) / "example.safetensors")).validation
        {'box': 12}
        """
        from safetensors.numpy import save

        arrays = {name: np.asarray(values, order="C") for name, values in self.arrays.items()}
        facts = {"format": FORMAT, **{name: _plain(getattr(self, name)) for name in FACTS}}
        facts["checksum"] = _checksum(arrays, facts)
        metadata = {KEY: json.dumps(facts, sort_keys=True)}  # one entry, because several have no fixed order
        return write_atomically(path, save(arrays, metadata))


def load_weights(path: str | os.PathLike[str], *, family: str | None = None, dimension: int | None = None) -> Weights:
    """Read weights written by `Weights.save`. No code from the file is executed, and torch is not needed.

    Parameters
    ----------
    path : path
    family : str, optional
        Required family.
    dimension : int, optional
        Required number of axes.

    Raises
    ------
    InvalidWeights
        For a file that is missing, truncated, modified, of another format version, or of another family or dimension
        than required.
    """
    from safetensors import SafetensorError, safe_open

    if not isinstance(path, str | os.PathLike):
        raise InvalidProblem(f"weights are {path!r}; give the path of a file")
    path = Path(path)
    if not path.is_file():
        raise InvalidWeights(path, "there is no such file")
    try:
        with safe_open(path, framework="np") as file:
            metadata = json.loads((file.metadata() or {}).get(KEY, "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, ValueError, TypeError, OSError, RecursionError) as error:
        raise InvalidWeights(path, f"it is damaged or no safetensors file ({error})") from None
    if not isinstance(metadata, dict):
        raise InvalidWeights(path, f"its metadata is a {type(metadata).__name__} instead of an object")
    version, checksum = metadata.get("format"), metadata.pop("checksum", None)
    if version is None or checksum is None:
        raise InvalidWeights(path, "it holds no metadata of Ritz")
    if version != FORMAT:
        raise InvalidWeights(path, f"it has format version {version}, and this version of Ritz reads {FORMAT}")
    if checksum != _checksum(arrays, metadata):
        raise InvalidWeights(path, "its checksum does not match: it was changed after it was written")
    lacking = [name for name in FACTS if name not in metadata]
    if lacking:
        raise InvalidWeights(path, f"its metadata lacks {', '.join(lacking)}")
    facts = {name: metadata[name] for name in FACTS}
    for name, needed in (("family", family), ("dimension", dimension)):
        if needed is not None and facts[name] != needed:
            raise InvalidWeights(path, f"it is for {name} {facts[name]!r}, and {needed!r} is needed")
    return Weights(arrays, **facts)


def settings_of(recipe: Any) -> dict[str, Any]:
    """Return the settings of a recipe as JSON values, for the metadata of weights.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> settings_of(make_dataclass("Example", [("rate", float)])(0.5))
    {'rate': 0.5}
    """
    values = {setting.name: getattr(recipe, setting.name) for setting in fields(recipe) if setting.init}
    return {
        name: getattr(value, "__name__", repr(value)) if callable(value) else value for name, value in values.items()
    }


def _checksum(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 digest of metadata and arrays, independent of their order."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return `value` in types that survive a round trip through JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value
