"""Where warnings point to."""

from __future__ import annotations

import sys

__all__ = ["stacklevel"]


def stacklevel() -> int:
    """Return the stack level, for a warning issued by the caller, of the first caller outside the package."""
    frame, level = sys._getframe(1), 1  # pyright: ignore
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("ritz."):
        frame, level = frame.f_back, level + 1
    return level
