"""The Levenberg-Marquardt method for networks, solved in the space of samples if that is smaller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem, TrainingError
from ritz.operators.curvature.torch_parameters import model_at

from .inverse_curvature.rows import check_damping
from .inverse_curvature.woodbury_inverse import WoodburyInverse
from .sample_derivatives import flat_rows, tensors_in, varying_parameters

__all__ = ["LevenbergMarquardt"]

TRIES = 30  # dampings tried in a step, each at least twice the previous one
LEAST_DAMPING = 1e-13  # relative to the largest diagonal entry of JᵀJ; less would be lost to rounding
LARGEST_DECREASE = 3.0  # factor by which the damping decreases at most after a step


class _Linearisation(NamedTuple):
    """Residuals and their Jacobian at one point, with the sum of the energies and its gradient."""

    residuals: torch.Tensor
    rows: torch.Tensor
    energy: float
    slope: torch.Tensor | None

    @property
    def loss(self) -> float:
        return float((self.residuals**2).sum()) + self.energy


class LevenbergMarquardt(torch.optim.Optimizer):
    r"""The Levenberg-Marquardt method :cite:`Marquardt1963` for sums of squares over samples.

    A step solves :math:`(J^TJ+\lambda I)\,\delta=-J^Tr` with the Jacobian J of all n residuals. If n is smaller than
    the number d of parameters, Woodbury's identity reduces this to an n by n system:
    :math:`\delta=-J^T(\lambda I+JJ^T)^{-1}r`. The step is accepted if the loss decreases. The ratio of the actual
    decrease to the one predicted by the linear model determines the next damping λ :cite:`Nielsen1999`. A rejected
    step costs one factorisation and no derivatives.

    Energies, as in the Ritz method, are more than sums of squares. Besides its residuals, `residual` may return one
    number per sample. It is added to the loss, and its curvature is neglected: for the energy
    :math:`\frac12|\nabla u|^2-fu`, the residuals are :math:`\nabla u/\sqrt2` and the number is :math:`-fu`.

    A step costs the gradient of the loss, min(n, d)² max(n, d) multiplications and memory for n d numbers.

    Parameters
    ----------
    model : torch.nn.Module
    residual : callable, or sequence of callables
        ``residual(model, sample)`` returns the residual of one sample, which has no batch dimension: a number or a
        vector, or a pair of either and an energy. The loss is the sum of all squared residuals and energies; weights
        belong in the residuals. A sequence serves several kinds of samples, such as interior and boundary points.
    damping : float
        Damping of the first step, relative to the largest diagonal entry of :math:`J^TJ`.
    chunk : int, optional
        Number of samples differentiated at a time; all by default.

    Attributes
    ----------
    damping : float
        Damping λ for the next step; None before the first one and after a stalled one.
    loss : float
        Loss after the last step.
    stalled : bool
        Whether the last step left the parameters unchanged because no damping decreased the loss.

    Raises
    ------
    InvalidProblem
        If no parameter requires a gradient, or `damping` or `chunk` is out of range.

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
        self.model, self.chunk = model, check_integer("chunk", chunk, optional=True)
        self.several = not callable(residual)
        self.residuals: list[Callable[[Any, Any], Any]] = [residual] if callable(residual) else list(residual)
        self.damping: float | None = None
        self.loss: float | None = None
        self.stalled = False
        self._growth = 2.0

    @torch.no_grad()
    def step(self, batch: Any) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step and return the loss before it; the attribute `loss` holds the loss after it.

        Parameters
        ----------
        batch : tensor, or tuple or dictionary of tensors
            Samples along the first dimension. With several residuals, a sequence of batches, one for each.

        Raises
        ------
        InvalidProblem
            If a batch is empty.
        TrainingError
            If the loss or a derivative is not finite.
        """
        batches: list[Any] = list(batch) if self.several else [batch]
        values = varying_parameters(self.model)
        here = self._linearise(values, batches)
        if not torch.isfinite(here.rows).all() or not abs(here.loss) < float("inf"):
            raise TrainingError(f"the loss is {here.loss:g} or a derivative is not finite: start from other parameters")
        before = self.loss = here.loss
        scale = float((here.rows**2).sum(0).max()) or 1.0
        damping = max(self.damping or self.param_groups[0]["damping"] * scale, LEAST_DAMPING * scale)
        inverse = WoodburyInverse(here.rows, damping, weight=1.0)
        for _ in range(TRIES):
            change = -inverse.pull_back(here.residuals)
            if here.slope is not None:
                change -= inverse @ (0.5 * here.slope)
            moved = here.rows @ change
            predicted = -float((2.0 * here.residuals + moved) @ moved)
            predicted -= 0.0 if here.slope is None else float(here.slope @ change)
            after = self._loss(_moved(values, change), batches)
            if after < before and predicted > 0.0:
                gain = (before - after) / predicted
                self.damping = damping * max(1.0 / LARGEST_DECREASE, 1.0 - (2.0 * gain - 1.0) ** 3)
                self._growth, self.loss, self.stalled = 2.0, after, False
                self._write(_moved(values, change))
                return before
            damping *= self._growth
            self._growth *= 2.0
            inverse = inverse.damped(damping)
        self.stalled, self.damping, self._growth = True, None, 2.0
        return before

    def _of(self, number: int, values: Mapping[str, torch.Tensor], sample: Any) -> tuple[Any, ...]:
        """Return the residuals of a sample, followed by its energy if it has one."""
        found = self.residuals[number](model_at(self.model, values), sample)
        residual, *energy = found if isinstance(found, tuple) else (found,)
        return residual.reshape(-1), *energy

    def _linearise(self, values: dict[str, torch.Tensor], batches: list[Any]) -> _Linearisation:
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
        return _Linearisation(torch.cat(residuals), torch.cat(rows), energy, slope)

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
        raise InvalidProblem("a batch is empty; it must contain at least one sample")
