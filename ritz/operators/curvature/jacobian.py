"""The Jacobian of the outputs of a torch model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators.curvature.linearisation import Linearisation, Point, linearise, random_numbers_kept
from ritz.operators.curvature.torch_derivative import TorchDerivative, evaluate
from ritz.operators.curvature.torch_parameters import WeightedBatch

__all__ = ["Jacobian", "linearise_outputs"]


class Jacobian(TorchDerivative):
    """The Jacobian of the outputs of a torch model, or of any torch function, with respect to its parameters.

    The rows belong to the entries of the outputs, batch after batch. Products with
    the transpose run backwards through a graph, and products run backwards through the graph of these; both are kept.

    Parameters
    ----------
    outputs : callable
        ``outputs(model)`` or, with data, ``outputs(model, batch)``, which returns a tensor. `Hessian` explains what
        `model` is.
    parameters, data, chunk
        As for `Hessian`.

    Raises
    ------
    InvalidProblem
        As for `Hessian`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from ritz.operators import Jacobian
    >>> J = Jacobian(lambda x: torch.stack([x[0] * x[1], x[1] ** 2]), torch.tensor([2.0, 3.0]))
    >>> J.to_dense().tolist(), (J.T @ np.ones(2)).tolist()
    ([[3.0, 2.0], [0.0, 6.0]], [3.0, 8.0])
    """

    def __init__(
        self,
        outputs: Callable[..., torch.Tensor],
        parameters: Any,
        data: Iterable[Any] | None = None,
        *,
        chunk: int = 8,
    ):
        super().__init__(parameters, data, "sum", chunk)
        self.tags = frozenset()
        first, *others = self.batches
        with random_numbers_kept(self.parameters.point[0].device):
            self._parts = [self._repeatable(lambda: linearise_outputs(self, outputs, first))]
            self._parts += [linearise_outputs(self, outputs, batch) for batch in others]
        self._rows = [part.value.numel() for part in self._parts]
        self.shape = (sum(self._rows), self.shape[1])
        self._check_product(self.shape[1])

    def _apply(self, x: Array) -> Array:
        return self._in_rows(self.multiply, x, self.shape[0])

    def _apply_transpose(self, x: Array) -> Array:
        return self._in_rows(self.multiply_transposed, x, self.shape[1])

    def multiply(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``J v`` for every row v of a block, as rows."""
        return torch.cat([part.products(rows) for part in self._parts], dim=1)

    def multiply_transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``J^T u`` for every row u of a block, as rows."""
        total = rows.new_zeros((len(rows), self.shape[1]))
        for part, own in zip(self._parts, rows.split(self._rows, dim=1), strict=True):
            total += part.transposed(own)
        return total


def linearise_outputs(
    operator: TorchDerivative, outputs: Callable[..., torch.Tensor], batch: WeightedBatch
) -> Linearisation:
    """Return the derivative of the outputs on one batch."""

    def of(values: Point) -> torch.Tensor:
        return evaluate(outputs, operator.parameters.argument(values), batch, "outputs")

    part = linearise(of, operator.parameters.point)
    if not part.value.requires_grad:
        raise InvalidProblem(
            "outputs do not depend on the parameters: compute them with the model that is passed in, outside"
            " torch.no_grad()"
        )
    return part
