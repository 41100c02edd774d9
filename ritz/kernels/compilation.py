"""Announcements, on standard error, of compilations that keep the user waiting."""

from __future__ import annotations

import sys
import threading
from functools import cache
from typing import Any

from numba.core import event

__all__ = ["announce_compilation"]

PATIENCE = 1.0  # seconds before a compilation is announced


class _Announcer(event.Listener):
    """Listener for the start and end of compilations by Numba.

    Numba compiles in one thread at a time, and triggers no event when it loads compiled code from disk.
    """

    def __init__(self):
        self._depth = 0  # compiling a function compiles the functions it calls as well
        self._timer = threading.Timer(0.0, lambda: None)

    def on_start(self, event: Any) -> None:
        self._depth += 1
        function = getattr(event.data.get("dispatcher"), "py_func", None)
        module = getattr(function, "__module__", None) or ""
        ours = module.startswith("ritz.") and ".kernels" in module
        if self._depth == 1 and ours and _watched():
            text = f"ritz: compiling {getattr(function, '__name__', '')} (once; kept on disk)"
            self._timer = threading.Timer(PATIENCE, print, (text,), {"file": sys.stderr, "flush": True})
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._timer.cancel()


@cache
def announce_compilation() -> None:
    """Announce every compilation of Ritz's kernels that takes longer than a second, if a user is watching."""
    event.register("numba:compile", _Announcer())


def _watched() -> bool:
    return hasattr(sys, "ps1") or sys.stderr.isatty()  # a prompt or notebook, or a terminal
