"""Vectors of random signs for stochastic estimates of Hessians in torch."""

from __future__ import annotations

import torch

__all__ = ["random_signs"]


def random_signs(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return independent random signs in the shape, dtype and device of `like`, drawn on the CPU."""
    drawn = torch.randint(0, 2, like.shape, generator=generator)
    return (2.0 * drawn - 1.0).to(like)
