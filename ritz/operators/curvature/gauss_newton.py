"""The Gauss-Newton matrix of a torch loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from ritz.backend import Array
from ritz.operators.curvature.jacobian import linearise_outputs
from ritz.operators.curvature.linearisation import (
    Linearisation,
    Point,
    linearise_gradient,
    random_numbers_kept,
)
from ritz.operators.curvature.torch_derivative import TorchDerivative, evaluate, require_number, require_symmetry
from ritz.operators.curvature.torch_parameters import WeightedBatch
from ritz.operators.operator import Tag

__all__ = ["GaussNewton"]


class GaussNewton(TorchDerivative):
    r"""The Hessian of a loss without the curvature of the model: :math:`J^T\,\nabla^2\ell\,J` :cite:`Schraudolph2002`.

    J is the Jacobian of the outputs, and :math:`\nabla^2\ell` is the Hessian of the loss with respect to the outputs.
    Positive semidefinite if the loss is convex in the outputs; does not depend on kinks of the activations. The
    operator does not change the model.

    Parameters
    ----------
    outputs : callable
        ``outputs(model)`` or, with data, ``outputs(model, batch)``, which returns a tensor. `Hessian` explains what
        `model` is.
    loss : callable
        ``loss(outputs)`` or, with data, ``loss(outputs, batch)``, which returns one number.
    parameters, data, reduction, chunk
        As for `Hessian`.

    Raises
    ------
    InvalidProblem
        As for `Hessian`.

    Examples
    --------
    >>> import torch
    >>> from ritz.operators import GaussNewton
    >>> def residuals(x):
    ...     return torch.stack([1.0 - x[0], 10.0 * (x[1] - x[0] ** 2)])
    >>> half = lambda r: 0.5 * (r * r).sum()
    >>> GaussNewton(residuals, half, torch.ones(2, dtype=torch.float64)).to_dense().tolist()
    [[401.0, -200.0], [-200.0, 100.0]]
    """

    def __init__(
        self,
        outputs: Callable[..., torch.Tensor],
        loss: Callable[..., torch.Tensor],
        parameters: Any,
        data: Iterable[Any] | None = None,
        *,
        reduction: str = "mean",
        chunk: int = 8,
    ):
        super().__init__(parameters, data, reduction, chunk)
        self._arguments = (outputs, loss, [each.arguments[0] for each in self.batches] if data is not None else None)
        self._reduction = reduction
        self.tags = frozenset({Tag.SYMMETRIC})
        first, *others = self.batches
        with random_numbers_kept(self.parameters.point[0].device):
            models = [self._repeatable(lambda: linearise_outputs(self, outputs, first))]
            models += [linearise_outputs(self, outputs, batch) for batch in others]
            losses = [self._linearise(loss, *each) for each in zip(models, self.batches, strict=True)]
        self._parts = list(zip(models, losses, strict=True))
        require_symmetry(losses[0], {"": slice(None)})
        self._check_product(self.shape[1])

    def _linearise(
        self, loss: Callable[..., torch.Tensor], model: Linearisation, batch: WeightedBatch
    ) -> Linearisation:
        def of(values: Point) -> torch.Tensor:
            return require_number(evaluate(loss, values[0].clone(), batch, "loss"), "loss") * batch.weight

        return linearise_gradient(of, (model.value,))

    def _apply(self, x: Array) -> Array:
        return self._in_rows(self._multiply, x, self.shape[0])

    def _multiply(self, rows: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(rows)
        for model, loss in self._parts:
            total += model.transposed(loss.products(model.products(rows)))
        return total

    def block(self, names: str | Iterable[str]) -> GaussNewton:
        """Return the block that belongs to some parameters, named as in `slices`; the others become constants."""
        outputs, loss, data = self._arguments
        parameters = self.parameters.restrict(names)
        return GaussNewton(outputs, loss, parameters, data, reduction=self._reduction, chunk=self.chunk)
