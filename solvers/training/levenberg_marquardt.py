"""Levenberg and Marquardt's method in the space of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from ritz.errors import InvalidProblem, TrainingError

from .inverse_curvature.rows import check_damping
from .inverse_curvature.woodbury_inverse import WoodburyInverse
from .sample_derivatives import flat_rows, model_at, tensors_in, varying_parameters

__all__ = ["LevenbergMarquardt"]

TRIES = 30  # dampings tried in a step, each at least twice the one before
LEAST = 1e-13  # damping by the largest diagonal entry of JᵀJ, so that rounding does not swallow it
FALL = 3.0  # by which the damping falls at most after a step


class _Linear(NamedTuple):
    """A loss at a point: residuals, the rows of their Jacobian, and the sum of energies with its gradient."""

    residuals: torch.Tensor
    rows: torch.Tensor
    energy: float
    slope: torch.Tensor | None

    @property
    def loss(self) -> float:
        return float((self.residuals**2).sum()) + self.energy


class LevenbergMarquardt(torch.optim.Optimizer):
    r"""Levenberg and Marquardt's method :cite:`Marquardt1963` for sums of squares over samples.

    A step solves :math:`(J^TJ+\lambda I)\,\delta=-J^Tr` with the Jacobian J of all residuals, by Woodbury's identity
    in their number n where that is smaller than the number d of parameters: :math:`\delta=-J^T(\lambda I+JJ^T)^{-1}r`.
    It is taken if the loss falls; by how much, as a share of what the linear model foretold, decides on the damping
    λ of the next :cite:`Nielsen1999`. Rejected steps cost a factorisation each, and no derivatives.

    Energies, as in the Ritz method, are not sums of squares alone. `residual` may return besides its residuals a
    number for each sample, which is added to the loss and whose own curvature is left out: for the energy
    :math:`\frac12|\nabla u|^2-fu`, the residuals are :math:`\nabla u/\sqrt2` and the number is :math:`-fu`.

    Cost of a step: the gradient of the loss, min(n, d)² max(n, d) multiplications, and memory for n d numbers.

    Parameters
    ----------
    model : torch.nn.Module
    residual : callable, or sequence of callables
        ``residual(model, sample)`` for one sample without a dimension for the batch: a number, a vector, or a pair
        of such and a number. The loss is the sum of squares over all samples (and of the numbers); put weights into
        the residuals. Several callables are for several kinds of samples, such as inner points and boundaries.
    damping : float
        Of the first step, as a share of the largest diagonal entry of :math:`J^TJ`.
    chunk : int, optional
        Samples that are differentiated at a time; all if left out.

    Attributes
    ----------
    damping : float
        λ, once there was a step.
    stalled : bool
        Whether the last step was none, since no damping made the loss fall.

    Raises
    ------
    InvalidProblem
        If nothing requires a gradient.

    Examples
    --------
    >>> line = torch.nn.Linear(1, 1).double()
    >>> x = torch.linspace(0.0, 1.0, 5, dtype=torch.float64)[:, None]
    >>> optimiser = LevenbergMarquardt(line, lambda model, batch: model(batch[0]) - batch[1])
    >>> for _ in range(8):
    ...     _ = optimiser.step((x, 3.0 * x + 1.0))
    >>> [round(each.item(), 6) for each in line.parameters()]
    [3.0, 1.0]
    """

    def __init__(
        self,
        model: torch.nn.Module,
        residual: Callable[[Any, Any], Any] | Sequence[Callable[[Any, Any], Any]],
        *,
        damping: float = 1e-3,
        chunk: int | None = None,
    ):
        varying_parameters(model)
        varying = [each for each in model.parameters() if each.requires_grad]
        super().__init__(varying, {"damping": check_damping(damping)})
        self.model, self.chunk = model, chunk
        self.several = not callable(residual)
        self.residuals: list[Callable[[Any, Any], Any]] = [residual] if callable(residual) else list(residual)
        self.damping: float | None = None
        self.loss: float | None = None
        self.stalled = False
        self._growth = 2.0

    @torch.no_grad()
    def step(self, batch: Any) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step and return the loss before it; `loss` is the one after it.

        Parameters
        ----------
        batch : tensor, or tuple or dictionary of tensors
            Samples along the first dimension; a sequence of such, one for each callable, where there are several.

        Raises
        ------
        InvalidProblem
            For an empty batch.
        TrainingError
            If the loss or a derivative is not finite.
        """
        batches: list[Any] = list(batch) if self.several else [batch]
        values = varying_parameters(self.model)
        here = self._linearise(values, batches)
        if not torch.isfinite(here.rows).all() or not abs(here.loss) < float("inf"):
            raise TrainingError(f"the loss is {here.loss:g}, or a derivative not finite: start from other parameters")
        before = self.loss = here.loss
        scale = float((here.rows**2).sum(0).max()) or 1.0
        damping = max(self.damping or self.param_groups[0]["damping"] * scale, LEAST * scale)
        inverse = WoodburyInverse(here.rows, damping, weight=1.0)
        for _ in range(TRIES):
            change = -inverse.pull_back(here.residuals)
            if here.slope is not None:
                change -= inverse @ (0.5 * here.slope)
            moved = here.rows @ change
            foretold = -float((2.0 * here.residuals + moved) @ moved)
            foretold -= 0.0 if here.slope is None else float(here.slope @ change)
            after = self._loss(_moved(values, change), batches)
            if after < before and foretold > 0.0:
                gain = (before - after) / foretold
                self.damping = damping * max(1.0 / FALL, 1.0 - (2.0 * gain - 1.0) ** 3)
                self._growth, self.loss, self.stalled = 2.0, after, False
                self._write(_moved(values, change))
                return before
            damping *= self._growth
            self._growth *= 2.0
            inverse = inverse.damped(damping)
        self.stalled, self.damping, self._growth = True, None, 2.0
        return before

    def _of(self, number: int, values: Mapping[str, torch.Tensor], sample: Any) -> tuple[Any, ...]:
        """Return the residuals of a sample, and its energy if there is one."""
        found = self.residuals[number](model_at(self.model, values), sample)
        residual, *energy = found if isinstance(found, tuple) else (found,)
        return residual.reshape(-1), *energy

    def _linearise(self, values: dict[str, torch.Tensor], batches: list[Any]) -> _Linear:
        rows: list[torch.Tensor] = []
        residuals: list[torch.Tensor] = []
        energy, slope = 0.0, None
        for number, samples in enumerate(batches):
            _require_samples(samples)

            def of(values: Any, sample: Any, number: int = number) -> Any:
                found = self._of(number, values, sample)
                return found[0], found

            def total(values: Any, number: int = number, samples: Any = samples) -> torch.Tensor:
                return self._values(number, values, samples)[1].sum()

            along = torch.func.vmap(torch.func.jacrev(of, has_aux=True), in_dims=(None, 0), chunk_size=self.chunk)
            derivatives, (residual, *energies) = along(values, samples)
            rows.append(flat_rows(derivatives, values))
            residuals.append(residual.reshape(-1))
            if energies:
                own = flat_rows(torch.func.grad(total)(values), values)[0]
                slope = own if slope is None else slope + own
                energy += float(energies[0].sum())
        return _Linear(torch.cat(residuals), torch.cat(rows), energy, slope)

    def _values(self, number: int, values: Mapping[str, torch.Tensor], samples: Any) -> Any:
        def of(sample: Any) -> Any:
            return self._of(number, values, sample)

        return torch.func.vmap(of, chunk_size=self.chunk)(samples)

    def _loss(self, values: Mapping[str, torch.Tensor], batches: list[Any]) -> float:
        total = 0.0
        for number, samples in enumerate(batches):
            residuals, *energies = self._values(number, values, samples)
            total += float((residuals**2).sum()) + sum(float(each.sum()) for each in energies)
        return total

    def _write(self, values: Mapping[str, torch.Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            if name in values:
                parameter.copy_(values[name])


def _moved(values: Mapping[str, torch.Tensor], change: torch.Tensor) -> dict[str, torch.Tensor]:
    parts = change.split([each.numel() for each in values.values()])
    return {name: each + part.view_as(each) for (name, each), part in zip(values.items(), parts, strict=True)}


def _require_samples(samples: Any) -> None:
    leaves = tensors_in(samples)
    if not leaves or not all(len(each) for each in leaves):
        raise InvalidProblem("a batch is empty; it must hold at least one sample")
