"""The empirical Fisher matrix of a torch loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators.curvature.jacobian import Jacobian
from ritz.operators.curvature.torch_derivative import TorchDerivative
from ritz.operators.operator import Tag

__all__ = ["EmpiricalFisher"]


class EmpiricalFisher(TorchDerivative):
    r"""The second moment of per-sample gradients, :math:`\frac1N\sum_ig_ig_i^T` :cite:`KunstnerEtAl2019`.

    Positive semidefinite, of rank at most N. The operator does not change the model.

    Parameters
    ----------
    losses : callable
        ``losses(model)`` or, with data, ``losses(model, batch)``, which returns the loss of each sample in a
        one-dimensional tensor. `Hessian` explains what `model` is.
    parameters, data, chunk
        As for `Hessian`.
    reduction : {"mean", "sum"}
        ``"mean"`` divides by the number N of samples; ``"sum"`` does not.

    Attributes
    ----------
    gradients : Jacobian, shape (N, n)
        The gradients as rows.

    Raises
    ------
    InvalidProblem
        As for `Hessian`, and if `losses` does not return one number per sample.

    Examples
    --------
    >>> import torch
    >>> from ritz.operators import EmpiricalFisher
    >>> EmpiricalFisher(lambda x: torch.stack([x[0], 2.0 * x[1]]), torch.ones(2)).to_dense().tolist()
    [[0.5, 0.0], [0.0, 2.0]]
    """

    def __init__(
        self,
        losses: Callable[..., torch.Tensor],
        parameters: Any,
        data: Iterable[Any] | None = None,
        *,
        reduction: str = "mean",
        chunk: int = 8,
    ):
        super().__init__(parameters, data, reduction, chunk)

        def checked(*arguments: Any) -> torch.Tensor:
            found = losses(*arguments)
            if not isinstance(found, torch.Tensor) or found.ndim != 1:
                shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
                raise InvalidProblem(
                    f"losses returned {shape}; it must return one number per sample (reduction='none'), shape (batch,)"
                )
            return found

        given = None if data is None else [batch.arguments[0] for batch in self.batches]
        self.gradients = Jacobian(checked, self.parameters, given, chunk=chunk)
        self._losses, self._data, self._reduction = losses, given, reduction
        self._factor = 1.0 / self.gradients.shape[0] if reduction == "mean" else 1.0
        self.tags = frozenset({Tag.SYMMETRIC, Tag.SEMIDEFINITE})

    def _apply(self, x: Array) -> Array:
        return self._in_rows(self._multiply, x, self.shape[0])

    def _multiply(self, rows: torch.Tensor) -> torch.Tensor:
        return self._factor * self.gradients.multiply_transposed(self.gradients.multiply(rows))

    def block(self, names: str | Iterable[str]) -> EmpiricalFisher:
        """Return the block that belongs to some parameters, named as in `slices`; the others become constants."""
        parameters = self.parameters.restrict(names)
        return EmpiricalFisher(self._losses, parameters, self._data, reduction=self._reduction, chunk=self.chunk)
