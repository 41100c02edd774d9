"""Solvers: one folder per field, one method per file."""

import importlib
from types import ModuleType

if __name__ == "solvers":
    raise ImportError("import ritz.solvers instead: solvers/ is a part of the ritz package")


def __getattr__(name: str) -> ModuleType:
    """Import a field on first access, which makes ``ritz.solvers.krylov`` available without a separate import."""
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
