"""Optional packages, imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from ritz.errors import MissingExtra

__all__ = ["require"]


def require(module: str, extra: str, package: str | None = None) -> Any:
    """Return an optional module.

    Parameters
    ----------
    module : str
        What to import.
    extra : str
        Extra of Ritz that brings it.
    package : str, optional
        Name it is installed under, where that is not `module`.

    Raises
    ------
    MissingExtra
        With the command that installs it.

    Examples
    --------
    >>> require("json", "json").loads("[1]")
    [1]
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(package or module, extra) from error
