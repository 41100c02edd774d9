"""Names for solvers, problems, preconditioners, figures and training recipes.

A module registers what it defines with a decorator, wherever in its package it lives. Names are found by reading the
sources for these lines, so that looking one up imports the one file that defines it and nothing else. Third parties
join through the entry-point groups ``ritz.solvers`` and ``ritz.problems``: each entry names a module, which is imported
when a name is not Ritz's own or when all names are listed.
"""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar

from ritz.errors import UnknownName

__all__ = ["Registry", "figures", "preconditioners", "problems", "recipes", "register", "solvers"]

Entry = TypeVar("Entry", bound=Callable[..., Any])

LINE = re.compile(r'^(?:@(?P<decorator>(?:\w+\.)?register)|(?P<call>figure))\("(?P<name>[^"]+)"', flags=re.MULTILINE)


class Registry:
    """Objects of one kind by name.

    Parameters
    ----------
    kind : str
        What an entry is called in error messages.
    package : str
        The package whose sources register the entries; also the entry-point group of third parties.
    call : str
        What registers an entry in these sources, such as ``"problems.register"``.

    Examples
    --------
    >>> from ritz.registry import solvers
    >>> "cg" in solvers.names()
    True
    """

    def __init__(self, kind: str, package: str, call: str):
        self.kind = kind
        self._package, self._call = package, call
        self._entries: dict[str, Any] = {}
        self._plugins_loaded = False

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorate an object so that it is found under `name`; a name taken by another object is refused."""

        def decorate(entry: Entry) -> Entry:
            identity = _identity(entry)
            taken = _identity(self._entries[name]) if name in self._entries else None
            home = self._sources.get(name)
            if taken is None and home is not None and home != entry.__module__:
                taken = home
            if taken not in (None, identity):
                raise ValueError(f"the {self.kind} name {name!r} is taken by {taken}")
            self._entries[name] = entry
            return entry

        return decorate

    def names(self) -> list[str]:
        """Return every name, sorted. Nothing of Ritz is imported for it; third parties' modules are."""
        self.load_plugins()
        return sorted({*self._sources, *self._entries})

    def loaded(self) -> dict[str, Any]:
        """Return the entries that have been imported so far, in the order of their registration."""
        return dict(self._entries)

    def __getitem__(self, name: str) -> Any:
        if isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            if name not in self._entries and name in self._sources:
                importlib.import_module(self._sources[name])
            if name not in self._entries:
                self.load_plugins()
            if name in self._entries:
                return self._entries[name]
        raise UnknownName(self.kind, name, self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._sources or name in self.names()

    def name_of(self, entry: object) -> str | None:
        """Return the first name `entry` (or the class of `entry`) is registered under, or None."""
        for name, registered in self._entries.items():
            if registered is entry or registered is type(entry):
                return name
        return None

    def load_plugins(self) -> None:
        """Import the modules that third parties name as entry points, once; one that fails is left out with a warning.

        Warns
        -----
        UserWarning
            Naming the entry point and its error.
        """
        if self._plugins_loaded:
            return
        self._plugins_loaded = True  # first, because the modules imported here may look names up themselves
        from importlib.metadata import entry_points

        for point in entry_points(group=self._package):
            try:
                importlib.import_module(point.value)
            except Exception as error:
                warnings.warn(
                    f"the plugin {point.name!r} of {self._package} cannot be imported: {error}",
                    UserWarning,
                    stacklevel=3,
                )

    @property
    def _sources(self) -> dict[str, str]:
        """Modules of Ritz by the names they register."""
        return _registrations(self._package).get(self._call, {})


@cache
def _registrations(package: str) -> dict[str, dict[str, str]]:
    """Return what the sources of a package register: modules by name, for each registering call."""
    found: dict[str, dict[str, str]] = {}
    spec = find_spec(package)
    for root in spec.submodule_search_locations or () if spec else ():
        for folder, _, files in os.walk(root):
            inside = os.path.relpath(folder, root).replace(os.sep, ".").strip(".")
            for file in files:
                if not file.endswith(".py"):
                    continue
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    text = source.read()
                if (
                    "register(" not in text and "figure(" not in text
                ):  # most files; searching them all takes longer than reading them
                    continue
                module = ".".join(filter(None, (package, inside, file[:-3])))
                for match in LINE.finditer(text):
                    call = match["decorator"] or match["call"]
                    other = found.setdefault(call, {}).setdefault(match["name"], module)
                    if other != module:
                        raise ValueError(f"{call} takes {match['name']!r} twice: in {other} and {module}")
    return found


def _identity(entry: Any) -> str:
    return f"{entry.__module__}.{entry.__qualname__}"


solvers = Registry("solver", "ritz.solvers", "register")
problems = Registry("problem", "ritz.problems", "problems.register")
preconditioners = Registry("preconditioner", "ritz.solvers", "preconditioners.register")
figures = Registry("figure", "ritz.figures", "figure")
recipes = Registry("recipe", "ritz.solvers", "recipes.register")


def register(name: str) -> Callable[[Entry], Entry]:
    """Register a solver class under `name`; see `Registry.register`."""
    return solvers.register(name)
