"""Parameters of a torch model or function as one vector, and batches of the data on which it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ritz.errors import InvalidProblem

__all__ = ["TorchParameters", "WeightedBatch", "batches", "copied", "torch_parameters"]


@dataclass(frozen=True)
class TorchParameters:
    """Tensors that vary, tensors that are fixed, and how to assemble a model from both.

    Attributes
    ----------
    varying, fixed : dict of str to torch.Tensor
        Copies by name; tied parameters are listed once.
    assemble : callable
        Turns a mapping of all tensors by name into the first argument of the user's function.
    """

    varying: Mapping[str, torch.Tensor]
    fixed: Mapping[str, torch.Tensor]
    assemble: Callable[[Mapping[str, torch.Tensor]], Any]

    @property
    def point(self) -> tuple[torch.Tensor, ...]:
        """The varying tensors in order."""
        return tuple(self.varying.values())

    @property
    def slices(self) -> dict[str, slice]:
        """Position of each varying tensor in the vector."""
        found: dict[str, slice] = {}
        start = 0
        for name, tensor in self.varying.items():
            found[name] = slice(start, start + tensor.numel())
            start += tensor.numel()
        return found

    def argument(self, values: Sequence[torch.Tensor]) -> Any:
        """Return the first argument of the user's function for given values of the varying tensors, which it copies."""
        copies = (each.clone() for each in values)
        return self.assemble({**self.fixed, **dict(zip(self.varying, copies, strict=True))})

    def restrict(self, names: str | Iterable[str]) -> TorchParameters:
        """Return the parameters with fewer varying tensors: only those named, or inside a module named."""
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            if not any(_within(each, name) for each in self.varying):
                raise InvalidProblem(f"block {name!r} is not a parameter; there are {', '.join(self.varying)}")
        kept = {each: tensor for each, tensor in self.varying.items() if any(_within(each, name) for name in wanted)}
        rest = {each: tensor for each, tensor in self.varying.items() if each not in kept}
        return replace(self, varying=kept, fixed={**self.fixed, **rest})


def _within(parameter: str, name: str) -> bool:
    return parameter == name or parameter.startswith(name + ".")


def torch_parameters(parameters: Any) -> TorchParameters:
    """Return the parameters of a module, or a mapping, a sequence or a single tensor of parameters.

    Raises
    ------
    InvalidProblem
        If nothing varies, if tensors differ in dtype or device or are not float32 or float64, or if a module
        normalises over the batch.
    """
    if isinstance(parameters, TorchParameters):
        return parameters
    if isinstance(parameters, torch.nn.Module):
        found = _of_module(parameters)
    elif isinstance(parameters, torch.Tensor):
        found = TorchParameters({"0": _copy(parameters)}, {}, lambda values: values["0"])
    elif isinstance(parameters, Mapping):
        found = TorchParameters({str(name): _copy(each) for name, each in parameters.items()}, {}, dict)
    elif isinstance(parameters, Sequence) and not isinstance(parameters, str):
        varying = {str(number): _copy(each) for number, each in enumerate(parameters)}
        found = TorchParameters(varying, {}, lambda values: [values[str(number)] for number in range(len(values))])
    else:
        raise InvalidProblem(
            f"parameters is a {type(parameters).__name__}; give a torch.nn.Module, a tensor, or a list or dictionary of"
            " tensors (list(model.parameters()) does not say how they make up the model: give the model itself)"
        )
    kinds = {(tensor.dtype, tensor.device) for tensor in found.varying.values()}
    if not sum(tensor.numel() for tensor in found.varying.values()):
        raise InvalidProblem(
            "parameters has no entry that requires a gradient: there is nothing to differentiate with respect to"
        )
    if len(kinds) > 1 or next(iter(kinds))[0] not in (torch.float32, torch.float64):
        listed = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
        raise InvalidProblem(
            f"parameters are {listed}; they must all be torch.float32, or all torch.float64, on one device"
        )
    return found


def _of_module(module: torch.nn.Module) -> TorchParameters:
    for name, part in module.named_modules():
        if not part.training:
            continue
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):  # pyright: ignore[reportPrivateUsage]
            raise InvalidProblem(
                f"module {name!r} is a {type(part).__name__} in training mode, so the loss of a sample depends on the"
                " rest of its batch: call model.eval() first"
            )
        dropping = isinstance(part, torch.nn.modules.dropout._DropoutNd)  # pyright: ignore[reportPrivateUsage]
        chance = part.p if dropping else getattr(part, "dropout", 0.0)
        if isinstance(chance, int | float) and chance > 0.0:
            raise InvalidProblem(
                f"module {name!r} is a {type(part).__name__} in training mode, which drops entries at random and so"
                " gives two answers for the same input: call model.eval() first"
            )
    named = dict(module.named_parameters())
    varying = {name: _copy(each) for name, each in named.items() if each.requires_grad}
    fixed = {name: _copy(each) for name, each in [*named.items(), *module.named_buffers()] if name not in varying}

    buffers = {name for name, _ in module.named_buffers()}

    def assemble(values: Mapping[str, torch.Tensor]) -> Any:
        # A model may update its buffers, and starts every time from the same ones.
        return model_at(module, {name: each.clone() if name in buffers else each for name, each in values.items()})

    return TorchParameters(varying, fixed, assemble)


def model_at(module: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> Callable[..., Any]:
    """Return `module` as a function that uses `values` for the parameters and buffers of these (first) names."""
    first: dict[int, str] = {}
    used: dict[str, torch.Tensor] = {}
    for path, part in module.named_modules():  # torch would exchange a layer with two names twice, and not restore it
        for slot, own in [*part._parameters.items(), *part._buffers.items()]:  # pyright: ignore[reportPrivateUsage]
            name = f"{path}.{slot}" if path else slot
            if own is not None and first.setdefault(id(own), name) in values:
                used[name] = values[first[id(own)]]
    return lambda *arguments, **keywords: torch.func.functional_call(
        module, used, arguments, keywords, tie_weights=False
    )


def _copy(tensor: Any) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor):
        raise InvalidProblem(f"parameters holds a {type(tensor).__name__}; it must hold tensors")
    return tensor.detach().clone()


@dataclass(frozen=True)
class WeightedBatch:
    """The arguments of the user's function besides the parameters, and the weight of its result."""

    arguments: tuple[Any, ...]
    weight: float


def batches(data: Iterable[Any] | None, reduction: str) -> list[WeightedBatch]:
    """Return the batches of some data, weighted so that the losses of the batches add up to the loss of all data.

    Raises
    ------
    InvalidProblem
        If there is no batch, one is empty, or the data are not an iterable of batches.
    """
    if reduction not in ("mean", "sum"):
        raise InvalidProblem(f"reduction is {reduction!r}; it must be 'mean' or 'sum', as the loss reduces a batch")
    if data is None:
        return [WeightedBatch((), 1.0)]
    if isinstance(data, torch.Tensor | tuple):
        raise InvalidProblem(f"data is a {type(data).__name__}; give a list of batches, [(x, y)] for a single one")
    found = [copied(batch) for batch in data]  # a loader may use its memory for the next one
    lengths = [_length(batch) for batch in found]
    if not found or not all(lengths):
        which = f"batch {lengths.index(0)} of data is empty" if found else "data holds no batch"
        raise InvalidProblem(f"{which}; every batch must hold at least one sample")
    total = sum(lengths) if reduction == "mean" else 1.0
    return [
        WeightedBatch((batch,), length / total if reduction == "mean" else 1.0)
        for batch, length in zip(found, lengths, strict=True)
    ]


def copied(batch: Any) -> Any:
    """Return a batch with its own tensors and arrays, in lists, tuples and dictionaries; all else is shared."""
    if isinstance(batch, torch.Tensor):
        return batch.detach().clone().requires_grad_(batch.requires_grad)
    if isinstance(batch, np.ndarray):
        return batch.copy()
    if isinstance(batch, dict):
        return {key: copied(each) for key, each in batch.items()}
    if isinstance(batch, list | tuple):
        parts = [copied(each) for each in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def _length(batch: Any) -> int:
    """Return the length of the first tensor in a batch, or 1 if there is none."""
    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.ndim else 1
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    return next((_length(part) for part in parts if isinstance(part, torch.Tensor | list | tuple | Mapping)), 1)
