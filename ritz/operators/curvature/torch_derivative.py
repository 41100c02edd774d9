"""The base class of operators that are derivatives of torch functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np
import torch

from ritz.arguments import check_integer
from ritz.backend import Array, asarray_like, is_torch_array, numpy_dtype
from ritz.errors import InvalidProblem
from ritz.operators.curvature.linearisation import Linearisation
from ritz.operators.curvature.torch_parameters import TorchParameters, WeightedBatch, batches, torch_parameters
from ritz.operators.operator import Operator

__all__ = ["TorchDerivative", "evaluate", "require_number"]


class TorchDerivative(Operator):
    """An operator built from derivatives of a torch function at a point, summed over batches.

    Parameters
    ----------
    parameters : torch.nn.Module, tensor, or list or dictionary of tensors
    data : iterable of batches, optional
    reduction : {"mean", "sum"}
    chunk : int
        Number of vectors multiplied at a time.

    Attributes
    ----------
    parameters : TorchParameters
        Copies, which later changes of the model do not affect.
    batches : list of WeightedBatch
    slices : dict of str to slice
        Position of each parameter in the vectors.
    """

    def __init__(self, parameters: Any, data: Iterable[Any] | None, reduction: str, chunk: int):
        self.chunk = check_integer("chunk", chunk)
        self.parameters: TorchParameters = torch_parameters(parameters)
        self.batches: list[WeightedBatch] = batches(data, reduction)
        self.slices = self.parameters.slices
        self.dtype = numpy_dtype(self.parameters.point[0])
        size = sum(each.numel() for each in self.parameters.point)
        self.shape = (size, size)

    def named(self, vector: Array) -> Mapping[str, Array]:
        """Split a vector: return, by name, the part that belongs to each parameter, itself a vector."""
        return {name: vector[part] for name, part in self.slices.items()}

    def astype(self, dtype: Any) -> Operator:
        """Return the operator with products in another dtype: computed as before, then rounded."""
        other = copy(self)
        other.dtype = np.dtype(dtype)
        return other

    def _in_rows(self, function: Callable[[torch.Tensor], torch.Tensor], x: Array, length: int) -> Array:
        """Apply a function of rows, given in the dtype of the parameters, to a vector or a block of columns."""
        reference = self.parameters.point[0]
        rows = asarray_like(x.detach() if is_torch_array(x) else x, reference)
        rows = rows.reshape(1, -1) if x.ndim == 1 else rows.T.contiguous()
        if len(rows):
            product = torch.cat([function(part).detach() for part in rows.split(self.chunk)])
        else:
            product = reference.new_zeros((0, length))
        product = product[0] if x.ndim == 1 else product.T
        if is_torch_array(x):
            return product.to(dtype=x.dtype, device=x.device)
        return product.cpu().numpy().astype(np.result_type(self.dtype, x.dtype), copy=False)

    def _repeatable(self, make: Callable[[], Linearisation]) -> Linearisation:
        """Return what `make` returns, calling it twice to check that the result is not random."""
        first, second = make(), make()
        if not torch.isfinite(first.value).all():
            raise InvalidProblem(
                "the function, or its derivative, is NaN or infinite at the given parameters on the first batch"
            )
        difference = (first.value - second.value).detach().abs().max()
        if difference > 1e-3 * first.value.detach().abs().max():
            raise InvalidProblem(
                "the function gave two answers for the same input, so products would differ from one call to the next:"
                " call model.eval() to turn off dropout, or fix the random numbers"
            )
        return second

    def _check_product(self, size: int) -> None:
        """Raise `InvalidProblem` if the product with a fixed vector is not finite."""
        if not np.isfinite(self @ np.random.default_rng(0).standard_normal(size)).all():
            raise InvalidProblem(
                "products are NaN or infinite although the function is not: its second derivative does not exist at"
                " the given parameters, like that of sqrt or norm at 0"
            )


def evaluate(
    function: Callable[..., Any], parameters: TorchParameters, values: Any, batch: WeightedBatch, name: str
) -> Any:
    """Return the value of the user's function `name`, which must be a tensor."""
    value = function(parameters.argument(values), *batch.arguments)
    if not isinstance(value, torch.Tensor):
        raise InvalidProblem(f"{name} returned a {type(value).__name__}; it must return a tensor")
    return value


def require_number(value: torch.Tensor, name: str) -> torch.Tensor:
    """Return `value` if it is a tensor without dimensions; otherwise raise `InvalidProblem`, naming `name`."""
    if value.ndim:
        raise InvalidProblem(f"{name} returned a tensor of shape {tuple(value.shape)}; it must return one number")
    return value
