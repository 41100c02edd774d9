"""Imports of optional packages."""

from __future__ import annotations

import importlib
from typing import Any

from ritz.errors import MissingExtra

__all__ = ["require"]


def require(module: str, extra: str, package: str | None = None) -> Any:
    """Import and return an optional module.

    Parameters
    ----------
    module : str
        Name of the module to import.
    extra : str
        Extra of Ritz that installs the package.
    package : str, optional
        Name of the package on the index, if it differs from `module`.

    Raises
    ------
    MissingExtra
        If the module cannot be imported; the message contains the command that installs it.

    Examples
    --------
    >>> require("json", "json").loads("[1]")
    [1]
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(package or module, extra) from error
