"""Differentiation by torch of products that are computed outside torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["LinearMap"]


class LinearMap(torch.autograd.Function):
    """A linear map whose backward pass applies the transpose."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, product: Callable[..., Any], transpose: Callable[..., Any]) -> Any:
        """Return ``product(x)``."""
        ctx.transpose = transpose
        return product(x.detach())

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return ``transpose(gradient)``, and None for the two functions."""
        return ctx.transpose(gradients[0]), None, None
