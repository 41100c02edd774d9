"""Derivatives of torch functions as linear maps, worked out once and multiplied by many vectors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import torch

__all__ = ["Linearisation", "flatten", "linearise", "linearise_gradient", "random_numbers_kept"]

Point: TypeAlias = tuple[torch.Tensor, ...]


class Linearisation:
    """The derivative J of a function from several tensors to a vector, at a point.

    Products with the transpose go backwards through a graph that is kept. Products with J go forwards through a
    linearisation, made when it is first needed and then kept too, a block of vectors at a time; where torch cannot
    differentiate the function forwards, or cannot do it in blocks, they go backwards twice, or one by one.

    Parameters
    ----------
    value : torch.Tensor, shape (m,)
        The function at the point, with its graph.
    leaves : tuple of torch.Tensor
        The point.
    function : callable
        The function again, in a form that ``torch.func`` takes; its value may be in several tensors.
    symmetric : bool
        Whether J is, so that single products may as well be transposed ones.

    Attributes
    ----------
    forward, in_blocks : bool
        Whether torch can differentiate the function forwards, and in blocks, as far as is known.
    """

    def __init__(
        self,
        value: torch.Tensor,
        leaves: Point,
        function: Callable[[Point], torch.Tensor],
        symmetric: bool = False,
    ):
        self.value, self.leaves, self.function, self.symmetric = value, leaves, function, symmetric
        self.sizes = [leaf.numel() for leaf in leaves]
        self.forward = self.in_blocks = True
        self._push: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._pull: tuple[torch.Tensor, torch.Tensor] | None = None

    def transposed(self, u: torch.Tensor) -> torch.Tensor:
        """Return ``J^T u`` for a vector."""
        if not self.value.requires_grad:  # the function is constant
            return u.new_zeros(sum(self.sizes))
        return _gradient(self.value, self.leaves, u)

    def product(self, v: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` for a vector."""
        if self.symmetric:
            return self.transposed(v)
        if self.forward:
            try:
                return self._forwards()(v)
            except RuntimeError:  # torch has no forward derivative of something
                self.forward = self.in_blocks = False
        return self._twice_backwards(v)

    def products(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` for every row v of a block, as rows."""
        if self.in_blocks and len(rows) > 1:
            try:
                return torch.func.vmap(self._forwards())(rows)
            except RuntimeError:  # torch has no forward derivative of something
                self.in_blocks = False
        return torch.stack([self.product(row) for row in rows])

    def _forwards(self) -> Callable[[torch.Tensor], torch.Tensor]:
        if self._push is None:
            point = tuple(leaf.detach() for leaf in self.leaves)
            with warnings.catch_warnings(), random_numbers_kept(point[0].device):
                warnings.simplefilter("ignore")  # of torch's, on how it folds constants
                push: Any = torch.func.linearize(self.function, point)[1]

            def along(v: torch.Tensor) -> torch.Tensor:
                parts = v.split(self.sizes)
                found = push(tuple(part.view_as(leaf) for part, leaf in zip(parts, point, strict=True)))
                return flatten(found) if isinstance(found, tuple) else found

            self._push = along
        return self._push

    def _twice_backwards(self, v: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` as the derivative of ``v . J^T u``, which is linear in u."""
        if not self.value.requires_grad:
            return torch.zeros_like(self.value)
        if self._pull is None:
            with torch.enable_grad():
                u = torch.zeros_like(self.value, requires_grad=True)
                self._pull = u, _gradient(self.value, self.leaves, u, create_graph=True)
        u, pulled = self._pull
        return _gradient(pulled, (u,), v)


def random_numbers_kept(device: torch.device) -> AbstractContextManager[None]:
    """Return a context after which torch's random numbers go on as if nothing had been drawn."""
    return torch.random.fork_rng(devices=[] if device.type == "cpu" else [device])


def linearise(function: Callable[[Point], torch.Tensor], point: Point) -> Linearisation:
    """Return the derivative of a function whose value is a vector."""
    leaves = _leaves(point)
    with torch.enable_grad():
        return Linearisation(function(leaves), leaves, function)


def linearise_gradient(function: Callable[[Point], torch.Tensor], point: Point) -> Linearisation:
    """Return the derivative of the gradient of a function whose value is a number: its Hessian."""
    leaves = _leaves(point)
    with torch.enable_grad():
        gradient = _gradient(function(leaves), leaves, None, create_graph=True)

    return Linearisation(gradient, leaves, torch.func.grad(function), symmetric=True)


def flatten(tensors: Point) -> torch.Tensor:
    """Return the entries of several tensors as one vector."""
    return torch.cat([each.reshape(-1) for each in tensors])


def _leaves(point: Point) -> Point:
    return tuple(each.detach().clone().requires_grad_() for each in point)


def _gradient(value: torch.Tensor, leaves: Point, direction: Any, create_graph: bool = False) -> torch.Tensor:
    """Return the gradient of ``direction . value``, zero with respect to what does not matter."""
    parts = torch.autograd.grad(
        value, leaves, direction, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    return flatten(parts)
