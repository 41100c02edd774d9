"""Names for solvers, problems, preconditioners, figures and recipes of training.

A module registers what it defines with a decorator; looking a name up imports the folder's modules first, so
that adding a file is all it takes to add a solver or a problem. Files whose name starts with an underscore, which
need heavy packages, wait until somebody imports them. Third parties join through the entry-point groups
``ritz.solvers`` and ``ritz.problems``: each entry names a module to import.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from ritz.errors import UnknownName

__all__ = ["Registry", "figures", "preconditioners", "problems", "recipes", "register", "solvers"]

Entry = TypeVar("Entry", bound=Callable[..., Any])


class Registry:
    """Objects of one kind by name.

    Parameters
    ----------
    kind : str
        What an entry is, as error messages call it.
    package : str
        The package whose modules, imported once on the first look-up, hold the entries.

    Examples
    --------
    >>> from ritz.registry import solvers
    >>> "cg" in solvers.names()
    True
    """

    def __init__(self, kind: str, package: str):
        self.kind = kind
        self._package = package
        self._entries: dict[str, Any] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorate an object so that it is found under `name`; a name taken by another object is refused."""

        def decorate(entry: Entry) -> Entry:
            taken = self._entries.get(name)
            if taken is not None and _identity(taken) != _identity(entry):
                raise ValueError(f"the {self.kind} name {name!r} is taken by {_identity(taken)}")
            self._entries[name] = entry
            return entry

        return decorate

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        self._load()
        return sorted(self._entries)

    def __getitem__(self, name: str) -> Any:
        self._load()
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise UnknownName(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def name_of(self, entry: object) -> str | None:
        """Return the first name `entry` (or the class of `entry`) is registered under, or None."""
        self._load()
        for name, registered in self._entries.items():
            if registered is entry or registered is type(entry):
                return name
        return None

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # first, because the modules imported here may look names up themselves
        try:
            package = importlib.import_module(self._package)
            for module in pkgutil.walk_packages(package.__path__, prefix=self._package + "."):
                if not module.name.rpartition(".")[2].startswith("_"):
                    importlib.import_module(module.name)
            for point in entry_points(group=self._package):
                importlib.import_module(point.value)
        except BaseException:
            self._loaded = False
            raise


def _identity(entry: Any) -> str:
    return f"{entry.__module__}.{entry.__qualname__}"


solvers = Registry("solver", "ritz.solvers")
problems = Registry("problem", "ritz.problems")
preconditioners = Registry("preconditioner", "ritz.solvers.preconditioners")
figures = Registry("figure", "ritz.figures")
recipes = Registry("recipe", "ritz.solvers")


def register(name: str) -> Callable[[Entry], Entry]:
    """Register a solver class under `name`; see `Registry.register`."""
    return solvers.register(name)
