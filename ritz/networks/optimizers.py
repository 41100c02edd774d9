"""Optimisers by name, and the one step that all of them take."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch

from ritz.errors import InvalidProblem, UnknownName

__all__ = ["OptimizerLike", "make_optimizer", "optimizer_step"]

OptimizerLike: TypeAlias = "str | Callable[..., torch.optim.Optimizer]"
"""The name of a class in `torch.optim`, ``package.module.Class``, or ``factory(parameters, lr=...)``."""


def make_optimizer(
    optimizer: OptimizerLike, parameters: Iterable[torch.nn.Parameter], learning_rate: float
) -> torch.optim.Optimizer:
    """Return an optimiser of `parameters`.

    Parameters
    ----------
    optimizer : str or callable
        The name of a class in `torch.optim` in any case (``"adam"``), the path of any other class
        (``"package.module.Class"``), or ``factory(parameters, lr=learning_rate)``.
    parameters : iterable of Parameter
    learning_rate : float

    Raises
    ------
    UnknownName
        With close matches.
    InvalidProblem
        For a path that leads nowhere, or a learning rate that is not positive.

    Examples
    --------
    >>> parameters = [torch.nn.Parameter(torch.ones(2))]
    >>> type(make_optimizer("adam", parameters, 1e-3)).__name__
    'Adam'
    """
    if not learning_rate > 0:
        raise InvalidProblem(f"learning_rate is {learning_rate!r}; it must be positive")
    factory = _named(optimizer) if isinstance(optimizer, str) else optimizer
    return factory(parameters, lr=learning_rate)


def optimizer_step(
    optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor], largest_norm: float
) -> float | None:
    """Take one step down `loss`, and return what it was before; None if it was not finite, and no step taken.

    Optimisers find the gradients where torch's own expect them. One with a true attribute ``create_graph``, which
    differentiates them again, finds them with their graph, and as long as they are.

    Parameters
    ----------
    optimizer : torch optimiser
    loss : callable
        ``loss() -> scalar tensor``.
    largest_norm : float
        To which longer gradients are shortened.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    twice = bool(getattr(optimizer, "create_graph", False))
    value = loss()
    gradients = torch.autograd.grad(value, parameters, create_graph=twice, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    finite = bool(torch.isfinite(norm) & torch.isfinite(value.detach()))
    if finite:
        if not twice:  # a graph does not survive changes in place
            torch.nn.utils.clip_grads_with_norm_(parameters, largest_norm, norm)
        optimizer.step()
    optimizer.zero_grad()
    return float(value.detach()) if finite else None


def _named(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    if module:
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise InvalidProblem(f"optimizer {name!r} leads nowhere: {error}") from None
    known = {
        key.lower(): value
        for key, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    }
    if name.lower() not in known:
        raise UnknownName("optimizer", name, known)
    return known[name.lower()]
