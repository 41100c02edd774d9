"""Per-sample derivatives of a model, batched over the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ritz.errors import InvalidProblem
from ritz.operators.curvature.torch_parameters import model_at

__all__ = ["flat_rows", "jacobian_rows", "tensors_in", "varying_parameters"]


def jacobian_rows(
    residual: Callable[[Any, Any], torch.Tensor], model: torch.nn.Module, samples: Any, *, chunk: int | None = None
) -> torch.Tensor:
    """Return the derivatives of each sample's residual with respect to the parameters, as rows.

    Samples are batched with ``torch.func.vmap``: the cost is that of one gradient of the whole batch plus writing the
    rows.

    Parameters
    ----------
    residual : callable
        ``residual(model, sample)`` returns a number or k numbers for one sample, which has no batch dimension.
    model : torch.nn.Module
        Differentiated with respect to its d parameters that require gradients.
    samples : tensor, or tuple or dictionary of tensors
        Tensors whose first dimension is that of the batch, of length n.
    chunk : int, optional
        Number of samples differentiated at a time; all by default.

    Returns
    -------
    tensor, shape (n k, d)

    Examples
    --------
    >>> line = torch.nn.Linear(2, 1)
    >>> jacobian_rows(lambda model, x: model(x)[0], line, torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0, 1.0], [3.0, 4.0, 1.0]]
    """
    values = varying_parameters(model)

    def of(values: Mapping[str, torch.Tensor], sample: Any) -> torch.Tensor:
        return residual(model_at(model, values), sample)

    found = torch.func.vmap(torch.func.jacrev(of), in_dims=(None, 0), chunk_size=chunk)(values, samples)
    return flat_rows(found, values)


def varying_parameters(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters that require gradients, detached, by name."""
    found = {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}
    if not found:
        raise InvalidProblem("model has no parameter that requires a gradient")
    return found


def flat_rows(derivatives: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return derivatives with respect to each parameter, with any leading dimensions, as rows over all parameters."""
    return torch.cat([derivatives[name].reshape(-1, each.numel()) for name, each in values.items()], dim=1)


def tensors_in(batch: Any) -> list[torch.Tensor]:
    """Return the tensors of an arbitrarily nested batch."""
    if isinstance(batch, torch.Tensor):
        return [batch]
    parts: list[Any] = list(batch.values()) if isinstance(batch, Mapping) else []
    if isinstance(batch, list | tuple):
        parts = list(batch)
    return [each for part in parts for each in tensors_in(part)]
