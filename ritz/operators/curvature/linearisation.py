"""Derivatives of torch functions as linear maps, computed once and multiplied by many vectors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import torch
from torch.autograd import forward_ad

from ritz.errors import InvalidProblem

__all__ = ["Backwards", "Linearisation", "flatten", "linearise", "linearise_gradient", "random_numbers_kept"]

Point: TypeAlias = tuple[torch.Tensor, ...]
Products: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class Backwards:
    """Products with the transpose of the derivative of a value, which run backwards through its graph.

    Blocks are multiplied at once if torch can do so with the operations of this graph, and if two vectors, tried
    before the first block, come out as they do one by one.

    Parameters
    ----------
    value : torch.Tensor, with m entries
        A tensor with its graph, which is kept.
    leaves : tuple of torch.Tensor, with n entries
        Tensors with respect to which it is differentiated.

    Attributes
    ----------
    in_blocks : bool, optional
        Whether blocks are multiplied at once; None before the first one.
    """

    def __init__(self, value: torch.Tensor, leaves: Point):
        self.value, self.leaves = value, leaves
        self.in_blocks: bool | None = None

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``J^T u`` for every row u, as rows; shape (k, m) becomes (k, n)."""
        if len(rows) > 1 and self.value.requires_grad:
            if self.in_blocks is None:
                self.in_blocks = self._agree()
            if self.in_blocks:
                return self._at_once(rows)
        return torch.stack([self.one(row) for row in rows])

    def one(self, u: torch.Tensor, create_graph: bool = False) -> torch.Tensor:
        """Return ``J^T u`` for a vector."""
        if not self.value.requires_grad:  # a constant function
            return u.new_zeros(sum(leaf.numel() for leaf in self.leaves))
        return _gradient(self.value, self.leaves, u.view_as(self.value), create_graph)

    def _at_once(self, rows: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings(action="ignore"):  # torch warns of operations that it loops over
            parts = torch.autograd.grad(
                self.value,
                self.leaves,
                rows.view(-1, *self.value.shape),
                retain_graph=True,
                allow_unused=True,
                is_grads_batched=True,
            )
        found: list[torch.Tensor | None] = list(parts)  # None for leaves that the value does not depend on
        flat = [
            rows.new_zeros((len(rows), leaf.numel())) if part is None else part.reshape(len(rows), -1)
            for part, leaf in zip(found, self.leaves, strict=True)
        ]
        return torch.cat(flat, dim=1)

    def _agree(self) -> bool:
        rows = _probes(2, self.value)
        try:
            found = self._at_once(rows).sum(dim=0)
        except Exception:  # of whatever kind: operations written in Python raise their own
            return False
        expected = self.one(rows.sum(dim=0))
        return bool(_norm(found - expected) <= _precision(rows) * _norm(expected))


class Linearisation:
    """The derivative J, at a point, of a function that maps several tensors to one.

    Products with the transpose run backwards through a graph, which is kept. Products with J run backwards through the
    graph of such a product, or forwards, with one evaluation each, if torch cannot differentiate twice. Before the
    first of them, :math:`w^TJv` must come out alike from both sides.

    Parameters
    ----------
    value : torch.Tensor, with m entries
        Value of the function at the point, with its graph.
    leaves : tuple of torch.Tensor
        The point.
    function : callable
        The function, to be evaluated again.
    potential : torch.Tensor, optional
        The number of which the function is the gradient, if it is one; J is then symmetric, and multiplied like its
        transpose.
    """

    def __init__(
        self,
        value: torch.Tensor,
        leaves: Point,
        function: Callable[[Point], torch.Tensor],
        potential: torch.Tensor | None = None,
    ):
        self.value, self.leaves, self.function, self.potential = value, leaves, function, potential
        self.sizes = [leaf.numel() for leaf in leaves]
        self.transposed = Backwards(value, leaves)
        self._products: Products | None = None

    def products(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` for every row v, as rows; shape (k, n) becomes (k, m)."""
        if self._products is None:
            self._products = self._checked()
        return self._products(rows)

    def is_symmetric(self, part: slice = slice(None)) -> bool:
        """Return whether J, or a block on its diagonal, is symmetric, tried with two vectors."""
        probes = _probes(2, *self.leaves)
        u, v = rows = torch.zeros_like(probes)
        rows[:, part] = probes[:, part]
        left, right = self.products(u[None])[0], self.products(v[None])[0]
        return bool(abs(v @ left - u @ right) <= self._rounding(left, u))

    def follows_differences(self) -> bool:
        """Return whether a product agrees with the difference quotient of the function, to about 5 %."""
        (v,) = rows = _probes(1, *self.leaves)
        expected = self.products(rows)[0]
        step = float(torch.finfo(v.dtype).eps ** (1 / 3) * (_norm(flatten(self.leaves)) or 1.0) / _norm(v))

        def at(step: float) -> torch.Tensor:
            pairs = zip(self.leaves, v.split(self.sizes), strict=True)
            moved = tuple((leaf.detach() + step * part.view_as(leaf)).requires_grad_() for leaf, part in pairs)
            with torch.enable_grad(), random_numbers_kept(v.device):
                return self.function(moved).detach().reshape(-1)

        difference = (at(step) - at(-step)) / (2.0 * step)
        return bool(_norm(difference - expected) <= 0.05 * _norm(expected) + self._rounding(expected, v))

    def _checked(self) -> Products:
        """Return the first way to multiply by J that torch can go and that agrees with the transpose."""
        (v,), (w,) = _probes(1, *self.leaves), _probes(1, self.value)
        failure = ""
        for way in (self._backwards, self._forwards):
            try:
                products = way()
                found = products(v[None])[0]
                apart = 0.0 if self.potential is not None else abs(w @ found - v @ self.transposed.one(w))
                if apart <= self._rounding(found, v):
                    return products
            except RuntimeError as error:  # torch lacks the derivative of some operation
                failure = failure or str(error)
        failure = failure or "its derivatives backwards do not belong to one function"
        raise InvalidProblem(f"torch cannot multiply by the derivative of the function: {failure}")

    def _backwards(self) -> Products:
        if self.potential is not None:
            return self.transposed
        if not self.value.requires_grad:
            return lambda rows: rows.new_zeros((len(rows), self.value.numel()))
        with torch.enable_grad():
            u = torch.zeros_like(self.value, requires_grad=True)
            return Backwards(self.transposed.one(u, create_graph=True), (u,))  # J^T u, which is linear in u

    def _forwards(self) -> Products:
        def product(v: torch.Tensor) -> torch.Tensor:
            pairs = zip(self.leaves, v.split(self.sizes), strict=True)
            with forward_ad.dual_level(), torch.enable_grad(), random_numbers_kept(v.device):
                point = tuple(forward_ad.make_dual(leaf, part.view_as(leaf)) for leaf, part in pairs)
                tangent = forward_ad.unpack_dual(self.function(point)).tangent
            return v.new_zeros(self.value.numel()) if tangent is None else tangent.detach().reshape(-1)

        return lambda rows: torch.stack([product(row) for row in rows])

    def _rounding(self, product: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Return how far numbers computed from a product with v, in two ways, may be apart."""
        point = _norm(flatten(self.leaves))
        noise = 0.0 if self.potential is None else abs(self.potential.detach()) / point
        noise = (noise + _norm(self.value)) * _norm(v) / point
        return 16.0 * _precision(v) * torch.maximum(_norm(product), torch.nan_to_num(noise, 0.0, 0.0))


def random_numbers_kept(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that restores the state of torch's random number generators on exit."""
    return torch.random.fork_rng(devices=[] if device.type == "cpu" else [device])


def linearise(function: Callable[[Point], torch.Tensor], point: Point) -> Linearisation:
    """Return the derivative at `point` of a function that returns a tensor."""
    leaves = _leaves(point)
    with torch.enable_grad():
        return Linearisation(function(leaves), leaves, function)


def linearise_gradient(function: Callable[[Point], torch.Tensor], point: Point) -> Linearisation:
    """Return the derivative of the gradient at `point`, the Hessian, of a function that returns a number."""

    def differentiated(values: Point) -> tuple[torch.Tensor, torch.Tensor]:
        value = function(values)
        if not value.requires_grad:
            raise InvalidProblem("loss does not depend on the outputs: compute it from the tensor that is passed in")
        try:
            return _gradient(value, values, None, create_graph=True), value
        except RuntimeError as error:  # torch lacks the derivative of some operation
            raise InvalidProblem(f"torch cannot differentiate the function: {error}") from error

    leaves = _leaves(point)
    with torch.enable_grad():
        gradient, value = differentiated(leaves)
    return Linearisation(gradient, leaves, lambda values: differentiated(values)[0], value)


def flatten(tensors: Point) -> torch.Tensor:
    """Return the entries of several tensors as one vector."""
    return torch.cat([(each.to_dense() if each.is_sparse else each).reshape(-1) for each in tensors])


def _leaves(point: Point) -> Point:
    return tuple(each.detach().requires_grad_() for each in point)


def _gradient(value: torch.Tensor, leaves: Point, direction: Any, create_graph: bool = False) -> torch.Tensor:
    """Return the gradient of ``direction . value``, with zeros for leaves that `value` does not depend on."""
    parts = torch.autograd.grad(
        value, leaves, direction, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    return flatten(parts)


def _probes(count: int, *tensors: torch.Tensor) -> torch.Tensor:
    """Return fixed random vectors, as rows, with as many entries as there are in some tensors."""
    size, like = sum(each.numel() for each in tensors), tensors[0]
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, size, generator=generator, dtype=torch.float64).to(like.device, like.dtype)


def _norm(x: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean norm, safe against overflow and underflow."""
    largest = x.detach().abs().amax() if x.numel() else x.new_zeros(())
    return largest * (x.detach() / largest).norm() if 0.0 < largest < torch.inf else largest


def _precision(x: torch.Tensor) -> float:
    return torch.finfo(x.dtype).eps ** 0.5
