"""Derivatives of torch functions as linear maps, computed once and multiplied by many vectors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import torch

__all__ = ["Linearisation", "flatten", "linearise", "linearise_gradient", "random_numbers_kept"]

Point: TypeAlias = tuple[torch.Tensor, ...]


class Linearisation:
    """The derivative J, at a point, of a function that maps several tensors to a vector.

    Products with the transpose run backwards through a graph, which is kept. Products with J run forwards through a
    linearisation, a block of vectors at a time; the linearisation is built when first needed, and kept. If torch cannot
    differentiate the function forwards, products run backwards twice instead; if it cannot do so in blocks, vectors
    are multiplied one by one.

    Parameters
    ----------
    value : torch.Tensor, shape (m,)
        Value of the function at the point, with its graph.
    leaves : tuple of torch.Tensor
        The point.
    function : callable
        The function in a form that ``torch.func`` accepts; it may return several tensors.
    symmetric : bool
        Whether J is symmetric; if so, single vectors are multiplied by the transpose.

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
        if not self.value.requires_grad:  # a constant function
            return u.new_zeros(sum(self.sizes))
        return _gradient(self.value, self.leaves, u)

    def product(self, v: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` for a vector."""
        if self.symmetric:
            return self.transposed(v)
        if self.forward:
            try:
                return self._forwards()(v)
            except RuntimeError:  # torch lacks the forward derivative of some operation
                self.forward = self.in_blocks = False
        return self._twice_backwards(v)

    def products(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` for every row v of a block, as rows."""
        if self.in_blocks and len(rows) > 1:
            try:
                return torch.func.vmap(self._forwards())(rows)
            except RuntimeError:  # torch lacks the forward derivative of some operation
                self.in_blocks = False
        return torch.stack([self.product(row) for row in rows])

    def _forwards(self) -> Callable[[torch.Tensor], torch.Tensor]:
        if self._push is None:
            point = tuple(leaf.detach() for leaf in self.leaves)
            with warnings.catch_warnings(), random_numbers_kept(point[0].device):
                warnings.simplefilter("ignore")  # torch warns about how it folds constants
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
    """Return a context that restores the state of torch's random number generators on exit."""
    return torch.random.fork_rng(devices=[] if device.type == "cpu" else [device])


def linearise(function: Callable[[Point], torch.Tensor], point: Point) -> Linearisation:
    """Return the derivative at `point` of a function that returns a vector."""
    leaves = _leaves(point)
    with torch.enable_grad():
        return Linearisation(function(leaves), leaves, function)


def linearise_gradient(function: Callable[[Point], torch.Tensor], point: Point) -> Linearisation:
    """Return the derivative of the gradient at `point`, the Hessian, of a function that returns a number."""
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
    """Return the gradient of ``direction . value``, with zeros for leaves that `value` does not depend on."""
    parts = torch.autograd.grad(
        value, leaves, direction, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    return flatten(parts)
