"""The base class of operators that are derivatives of torch functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from copy import copy
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from ritz.arguments import check_integer
from ritz.backend import Array, asarray_like, is_torch_array, numpy_dtype
from ritz.errors import InvalidProblem
from ritz.operators.curvature.linearisation import Linearisation
from ritz.operators.curvature.torch_parameters import TorchParameters, WeightedBatch, batches, copied, torch_parameters
from ritz.operators.operator import Operator

__all__ = ["TorchDerivative", "evaluate", "require_number", "require_symmetry"]

WEIGHT_NORM: Any = vars(torch)["_weight_norm"]  # its second derivative is not symmetric on CPUs
RECURRENT = {torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu}  # cuDNN differentiates them once


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
        state = torch.get_rng_state()
        first, second = make(), make()
        if not torch.isfinite(first.value).all():
            raise InvalidProblem(
                "the function, or its derivative, is NaN or infinite at the given parameters on the first batch"
            )
        difference = (first.value - second.value).detach().abs().max()
        chance = not torch.equal(state, torch.get_rng_state())
        allowed = torch.finfo(difference.dtype).eps ** (0.75 if chance else 0.5)
        if difference > allowed * first.value.detach().abs().max():
            raise InvalidProblem(
                "the function gave two answers for the same input, so products would differ from one call to the next:"
                " call model.eval() to turn off dropout, fix the random numbers, or keep no state between calls"
            )
        return second

    def _check_product(self, size: int) -> None:
        """Raise `InvalidProblem` if the product with a fixed vector is not finite."""
        if not np.isfinite(self @ np.random.default_rng(0).standard_normal(size)).all():
            raise InvalidProblem(
                "products are NaN or infinite although the function is not: its second derivative does not exist at"
                " the given parameters, like that of sqrt or norm at 0"
            )


def evaluate(function: Callable[..., Any], argument: Any, batch: WeightedBatch, name: str) -> torch.Tensor:
    """Return the value of the user's function `name`, which must be a tensor, with a graph that has a derivative.

    The function may change its arguments: it is given copies.
    """
    with _TwiceDifferentiable(), sdpa_kernel(SDPBackend.MATH):  # other kernels of attention cannot do it
        value = function(argument, *copied(batch.arguments))
    if not isinstance(value, torch.Tensor):
        raise InvalidProblem(f"{name} returned a {type(value).__name__}; it must return a tensor")
    return value


class _TwiceDifferentiable(TorchFunctionMode):
    """A context that replaces what torch differentiates once but not twice."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is WEIGHT_NORM:
            v, g, dimension = args
            return v * (g / torch.norm_except_dim(v, 2, dimension))
        with torch.backends.cudnn.flags(enabled=False) if func in RECURRENT else nullcontext():
            return func(*args, **(kwargs or {}))


def require_symmetry(part: Linearisation, slices: Mapping[str, slice]) -> None:
    """Raise `InvalidProblem` if a Hessian is not symmetric, naming the parameters whose own blocks are not."""
    if not part.is_symmetric():
        wrong = [name for name, own in slices.items() if not part.is_symmetric(own)]
        raise InvalidProblem(
            "products with the Hessian are not symmetric, so the second derivative of some operation is wrong in torch,"
            f" or in a torch.autograd.Function{' (see ' + ', '.join(wrong) + ')' if wrong else ''}: write it in other"
            " operations, or take GaussNewton, which differentiates the model once"
        )


def require_number(value: torch.Tensor, name: str) -> torch.Tensor:
    """Return `value` if it is a tensor without dimensions; otherwise raise `InvalidProblem`, naming `name`."""
    if value.ndim:
        raise InvalidProblem(f"{name} returned a tensor of shape {tuple(value.shape)}; it must return one number")
    return value
