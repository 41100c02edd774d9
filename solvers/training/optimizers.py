"""Optimisers by name, and the training step they share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch

from ritz.errors import InvalidProblem, UnknownName

__all__ = ["OptimizerLike", "learning_rate_of", "make_optimizer", "optimizer_step"]

AUTOMATIC = {"sgd": "sgd", "adam": "adam", "adamw": "adam", "nadam": "adam", "radam": "adam"}
BATCHES = {"sgd": range(4), "adam": range(8)}  # steps whose batches determine an automatic learning rate

OptimizerLike: TypeAlias = "str | Callable[..., torch.optim.Optimizer]"
"""A name, ``package.module.Class``, or ``factory(parameters, lr=...)``; see `make_optimizer`."""


def make_optimizer(
    optimizer: OptimizerLike, parameters: Iterable[torch.nn.Parameter], learning_rate: float
) -> torch.optim.Optimizer:
    """Return an optimiser for `parameters`.

    Parameters
    ----------
    optimizer : str or callable
        Name of a class in `torch.optim`, in any case (``"adam"``); ``"adahessian"`` or ``"mfac"`` for those of
        `ritz.solvers.training`; the path of any other class (``"package.module.Class"``); or
        ``factory(parameters, lr=learning_rate)``.
    parameters : iterable of Parameter
    learning_rate : float

    Raises
    ------
    UnknownName
        If there is no such optimiser; the message lists close matches.
    InvalidProblem
        If a path cannot be imported or the learning rate is not positive.

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


def learning_rate_of(
    network: torch.nn.Module,
    loss: Callable[[int], torch.Tensor],
    optimizer: OptimizerLike,
    learning_rate: float | str,
) -> float:
    """Return `learning_rate` unchanged, or for ``"auto"`` the rate that the curvature of the first batches allows.

    Parameters
    ----------
    network : torch module
    loss : callable
        ``loss(step) -> scalar tensor``, evaluated with `network`.
    optimizer : str or callable
    learning_rate : float or "auto"

    Raises
    ------
    InvalidProblem
        If the stability limit of the optimiser is unknown, or `learning_rate` is another string.
    """
    if not isinstance(learning_rate, str):
        return learning_rate
    if learning_rate != "auto":
        raise InvalidProblem(f"learning_rate is {learning_rate!r}; it must be a positive number, or 'auto'")
    kind = AUTOMATIC.get(str(optimizer).lower())
    if kind is None:
        raise InvalidProblem(f"learning_rate 'auto' is known for {', '.join(AUTOMATIC)}, and not for {optimizer!r}")
    from .rate_from_spectrum import learning_rate as rate_from_spectrum

    training = network.training
    try:  # evaluation mode, as dropout would make the curvature random
        module = _LossModule(network.eval(), loss)
        found = rate_from_spectrum(lambda model, step: model(step), module, BATCHES[kind], kind)
    finally:
        network.train(training)
    return found.value


class _LossModule(torch.nn.Module):
    """A loss as a module, which lets the parameters of its network be exchanged."""

    def __init__(self, network: torch.nn.Module, loss: Callable[[int], torch.Tensor]):
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, step: int) -> torch.Tensor:
        return self.loss(step)


def optimizer_step(
    optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor], largest_norm: float
) -> float | None:
    """Take one step and return the loss before it, or None without a step if loss or gradient is not finite.

    Gradients are handed over in ``parameter.grad``. An optimiser whose attribute ``create_graph`` is true
    differentiates them again: it gets them unclipped and with their graph.

    Parameters
    ----------
    optimizer : torch optimiser
    loss : callable
        ``loss() -> scalar tensor``.
    largest_norm : float
        Norm to which longer gradients are clipped.
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
        if not twice:  # clipping works in place, which would invalidate the graph
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
    from .adahessian import AdaHessian
    from .mfac import MFAC

    known |= {"adahessian": AdaHessian, "mfac": MFAC}
    if name.lower() not in known:
        raise UnknownName("optimizer", name, known)
    return known[name.lower()]
