"""Names for solvers, problems, preconditioners, figures and training recipes.

A module registers what it defines with a decorator, wherever it lives in its package. Names are found by searching the
sources for these lines, so looking one up imports only the file that defines it. Third-party packages register theirs
through the entry-point groups ``ritz.solvers`` and ``ritz.problems``: each entry point names a module, which is
imported when a name is not one of Ritz's own or when all names are listed.
"""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar

from ritz.errors import UnknownName, UnknownOption

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
        The package whose sources register the entries; also the entry-point group for third-party packages.
    call : str
        The call that registers an entry in these sources, such as ``"problems.register"``.

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
        """Return a decorator that registers an object under `name`.

        Raises
        ------
        ValueError
            If the name is taken by another object; raised by the decorator.
        """

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
        """Return every name, sorted; this imports third-party modules, but none of Ritz's."""
        self.load_plugins()
        return sorted({*self._sources, *self._entries})

    def loaded(self) -> dict[str, Any]:
        """Return the entries imported so far, in the order of registration."""
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

    def make(self, name: str, options: Mapping[str, Any]) -> Any:
        """Return an object of the registered class `name`, a dataclass, with the given options.

        Raises
        ------
        UnknownName, UnknownOption
            If there is no such name or option; the message suggests close matches.
        """
        entry = self[name]
        known = {option.name for option in fields(entry) if option.init}
        for option in options:
            if option not in known:
                raise UnknownOption(f"{self.kind} {name!r}", option, known)
        return entry(**options)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._sources or name in self.names()

    def name_of(self, entry: object) -> str | None:
        """Return the first name under which `entry`, or its class, is registered, or None."""
        for name, registered in self.loaded().items():  # a copy, because other threads may be registering
            if registered is entry or registered is type(entry):
                return name
        return None

    def load_plugins(self) -> None:
        """Import the modules that third-party entry points name, unless done already.

        Warns
        -----
        UserWarning
            If a module cannot be imported; it is skipped. The message names the entry point and the error.
        """
        if self._plugins_loaded:
            return
        self._plugins_loaded = True  # set first, because the modules imported below may look up names themselves
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
        """The module of Ritz that registers each name."""
        return _registrations(self._package).get(self._call, {})


@cache
def _registrations(package: str) -> dict[str, dict[str, str]]:
    """Search the sources of a package; return, for each registering call, the modules by registered name."""
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
                # Most files register nothing, and matching the pattern takes longer than reading a file.
                if "register(" not in text and "figure(" not in text:
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
