"""The Hessian of a torch loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from ritz.backend import Array
from ritz.errors import InvalidProblem, KinkWarning
from ritz.operators.curvature.linearisation import (
    Linearisation,
    Point,
    linearise_gradient,
    random_numbers_kept,
)
from ritz.operators.curvature.torch_derivative import TorchDerivative, evaluate, require_number, require_symmetry
from ritz.operators.curvature.torch_parameters import WeightedBatch
from ritz.operators.operator import Tag

__all__ = ["Hessian"]

Written: Any = torch.autograd.function.BackwardCFunction  # the node of a torch.autograd.Function
KINKS = ("Relu", "LeakyRelu", "Hardtanh", "PreluKernel", "Threshold", "RreluWithNoise", "Hardshrink", "Softshrink")


class Hessian(TorchDerivative):
    r"""The Hessian of a loss with respect to the parameters of a torch model, or of any torch function.

    Each batch is evaluated once, when the operator is created; its graph is kept, which takes a few times the memory
    of the activations. A product with a vector runs backwards through the graph and takes 1 to 2 times as long as a
    gradient :cite:`Pearlmutter1994`. Blocks run backwards `chunk` vectors at a time, which takes a third as long for
    small models and about as long for large ones; operations that torch cannot differentiate in blocks go one by one.

    What torch does is checked when the operator is created: products must be symmetric, and those with a
    ``torch.autograd.Function`` must agree with differences of the gradient. The first block must agree with single
    products. Operations in place, recurrent layers, attention and weight normalisation are differentiated correctly.

    The operator changes neither the model's gradients, nor its buffers and mode, nor the data, nor torch's random
    numbers.

    Parameters
    ----------
    loss : callable
        ``loss(model)`` or, with data, ``loss(model, batch)``, which returns one number. The `model` passed to it is
        called like the module given as `parameters`; if `parameters` are tensors, they are passed in the form they were
        given in.
    parameters : torch.nn.Module, tensor, or list or dictionary of tensors
        A model, or tensors, in float32 or float64. Parameters of a module that require no gradient are constants; tied
        parameters count once.
    data : iterable of batches, optional
        A list or a data loader, which is iterated over once.
    reduction : {"mean", "sum"}
        Whether the loss of a batch is the mean or the sum over its samples, whose number is the length of the batch's
        first tensor. The Hessian is that of the mean, or of the sum, over the samples of all batches.
    chunk : int
        Number of vectors multiplied at a time.

    Attributes
    ----------
    slices : dict of str to slice
        Position of each parameter in the vectors.

    Raises
    ------
    InvalidProblem
        If the loss is not one number, is NaN, differs between evaluations, or does not depend on the parameters; if a
        batch is empty; if nothing requires a gradient; if dropout or batch normalisation is in training mode; if an
        operation has no second derivative or a wrong one.

    Warns
    -----
    KinkWarning
        If the model is piecewise linear, because the Hessian leaves out its kinks.

    Examples
    --------
    >>> import torch
    >>> from ritz.operators import Hessian
    >>> def rosenbrock(x):
    ...     return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
    >>> Hessian(rosenbrock, torch.ones(2, dtype=torch.float64)).to_dense().tolist()
    [[802.0, -400.0], [-400.0, 200.0]]
    """

    def __init__(
        self,
        loss: Callable[..., torch.Tensor],
        parameters: Any,
        data: Iterable[Any] | None = None,
        *,
        reduction: str = "mean",
        chunk: int = 8,
    ):
        super().__init__(parameters, data, reduction, chunk)
        self._arguments = (loss, data if data is None else [batch.arguments[0] for batch in self.batches], reduction)
        self.tags = frozenset({Tag.SYMMETRIC})
        first, *others = self.batches
        with random_numbers_kept(self.parameters.point[0].device):
            written = self._check_loss(loss, first)
            self._parts = [self._repeatable(lambda: self._linearise(loss, first))]
            self._parts += [self._linearise(loss, batch) for batch in others]
        self._check_product(self.shape[1])
        if written and not self._parts[0].follows_differences():
            raise InvalidProblem(
                f"products with the Hessian differ from differences of the gradient: the backward of {written} cannot"
                " itself be differentiated, or is not a derivative; GaussNewton differentiates the model once"
            )
        require_symmetry(self._parts[0], self.slices)

    def _linearise(self, loss: Callable[..., torch.Tensor], batch: WeightedBatch) -> Linearisation:
        def of(values: Point) -> torch.Tensor:
            value = evaluate(loss, self.parameters.argument(values), batch, "loss")
            return require_number(value, "loss") * batch.weight

        return linearise_gradient(of, self.parameters.point)

    def _check_loss(self, loss: Callable[..., torch.Tensor], batch: WeightedBatch) -> str:
        """Evaluate the loss once, examine its value and operations, and return those that a user has written."""
        values = [each.detach().requires_grad_() for each in self.parameters.point]
        with torch.enable_grad():
            value = require_number(evaluate(loss, self.parameters.argument(values), batch, "loss"), "loss")
        if not value.requires_grad:
            raise InvalidProblem(
                "loss does not depend on the parameters: compute it with the model that is passed in, outside"
                " torch.no_grad()"
            )
        if not torch.isfinite(value):
            raise InvalidProblem(f"loss is {value.item()} on the first batch; it must be finite")
        operations = _operations(value)
        kinks = sorted({name for name in operations if name.startswith(KINKS)})
        if kinks:
            warnings.warn(
                f"the loss goes through {', '.join(kinks)}, which is piecewise linear: the Hessian leaves out the kinks"
                " and may say little about the loss; GaussNewton does not depend on them",
                KinkWarning,
                stacklevel=4,
            )
            return ""  # kinks make differences unreliable
        return ", ".join(sorted(name for name, kind in operations.items() if issubclass(kind, Written)))

    @property
    def gradient(self) -> np.ndarray:
        """The gradient of the loss, shape (n,), which is known from computing the Hessian."""
        return sum((part.value.detach() for part in self._parts), start=torch.zeros(())).cpu().numpy()

    def _apply(self, x: Array) -> Array:
        return self._in_rows(self._multiply, x, self.shape[0])

    def _multiply(self, rows: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(rows)
        for part in self._parts:
            total += part.products(rows)
        return total

    def block(self, names: str | Iterable[str]) -> Hessian:
        """Return the block that belongs to some parameters: the Hessian with all others held constant.

        Parameters
        ----------
        names : str, or iterable of str
            Names of parameters as in `slices`, or of modules.
        """
        loss, data, reduction = self._arguments
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KinkWarning)  # issued already for the whole operator
            return Hessian(loss, self.parameters.restrict(names), data, reduction=reduction, chunk=self.chunk)


def _operations(value: torch.Tensor) -> dict[str, type]:
    """Return the names of the operations that computed a value, and the types of the nodes of its graph."""
    found: dict[str, type] = {}
    seen: set[Any] = set()
    waiting: list[Any] = [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found[node.name().removesuffix("0").removesuffix("1").removesuffix("Backward")] = type(node)
        waiting.extend(following for following, _ in node.next_functions)
    return found
