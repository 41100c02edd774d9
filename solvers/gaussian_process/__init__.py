"""PDEs solved by Gaussian processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._kernels import MixtureKernel

__all__ = ["MixtureKernel"]


def __getattr__(name: str) -> Any:
    """Import the kernels when they are first named, as GPyTorch takes seconds."""
    if name != "MixtureKernel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _kernels

    return _kernels.MixtureKernel
