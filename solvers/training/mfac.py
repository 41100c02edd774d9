"""M-FAC: natural-gradient steps with the empirical Fisher matrix of the latest gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from ritz.errors import InvalidProblem, TrainingError

from .inverse_curvature.sliding_inverse import SlidingInverse

__all__ = ["MFAC"]


class MFAC(torch.optim.Optimizer):
    r"""M-FAC :cite:`FrantarEtAl2021`: :math:`p\leftarrow\beta p+(1-\beta)F^{-1}g`, :math:`w\leftarrow w-\eta\,p`.

    F is the damped second moment of the latest gradients, g being one of them. Besides the gradient, a step takes two
    passes over the stored gradients (see `SlidingInverse`), which need memory for the whole window. Momentum averages
    the steps and leaves their length unchanged, so published learning rates apply.

    Parameters
    ----------
    params : iterable of tensors
        Parameters in a single group, as F couples all of them.
    lr : float
        Learning rate η.
    momentum : float
        Momentum β.
    window : int
        Number of gradients kept.
    damping : float
        Damping λ of F; :math:`\|F^{-1}g\|` is at most :math:`\|g\|/\lambda`.
    weight_decay : float
        Multiple of the parameters added to the gradient before it is stored, as in the published optimiser.

    Raises
    ------
    InvalidProblem
        If an option is out of range or there is more than one group.

    Examples
    --------
    >>> x = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> optimiser = MFAC([x], lr=0.5, damping=1e-2)
    >>> for _ in range(100):
    ...     loss = optimiser.step(lambda: (torch.tensor([1.0, 10.0]) * x * x).sum())
    >>> loss.item() < 0.1
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.9,
        *,
        window: int = 64,
        damping: float = 1e-4,
        weight_decay: float = 0.0,
    ):
        if not lr > 0.0 or not 0.0 <= momentum < 1.0 or not weight_decay >= 0.0:
            raise InvalidProblem(
                f"lr is {lr!r}, momentum {momentum!r} and weight_decay {weight_decay!r}; lr must be positive, momentum"
                " in [0, 1) and weight_decay not negative"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        if len(self.param_groups) > 1:
            raise InvalidProblem(f"params are {len(self.param_groups)} groups; MFAC takes one, as F couples them all")
        self._parameters = [each for each in self.param_groups[0]["params"] if each.requires_grad]
        self.inverse = SlidingInverse(sum(each.numel() for each in self._parameters), window, damping)
        self._velocity: torch.Tensor | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None) -> torch.Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step and return the loss before it.

        Parameters
        ----------
        closure : callable, optional
            Returns the loss with its graph and must not call ``backward``. Without a closure, gradients are read
            from ``parameter.grad``.

        Raises
        ------
        TrainingError
            If the loss or its gradient is not finite.
        """
        loss: torch.Tensor | None = None
        if closure is None:
            gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in self._parameters]
        else:
            with torch.enable_grad():
                loss = closure()
                gradients = torch.autograd.grad(loss, self._parameters, materialize_grads=True)
        decay = self.param_groups[0]["weight_decay"]
        gradient = torch.cat(
            [(g + decay * w).reshape(-1) for g, w in zip(gradients, self._parameters, strict=True)]
        ).detach()
        if not torch.isfinite(gradient).all() or (loss is not None and not torch.isfinite(loss)):
            value = "" if loss is None else f"the loss is {loss.item()} or "
            raise TrainingError(f"{value}the gradient is not finite: lower lr or raise damping")
        group = self.param_groups[0]
        direction = self.inverse.update_and_multiply(gradient)
        if self._velocity is None:
            self._velocity = torch.zeros_like(direction)
        self._velocity.lerp_(direction, 1.0 - group["momentum"])
        parts = self._velocity.split([each.numel() for each in self._parameters])
        for parameter, part in zip(self._parameters, parts, strict=True):
            parameter.add_(part.view_as(parameter), alpha=-group["lr"])
        return None if loss is None else loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return the options, the stored gradients and the velocity."""
        kept = {} if self._velocity is None else {"gradients": self.inverse.latest(), "velocity": self._velocity}
        return {**super().state_dict(), "kept": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state returned by `state_dict`."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "kept"})
        kept = state_dict["kept"]
        self.inverse = SlidingInverse(self.inverse.shape[0], self.inverse.window, self.inverse.damping)
        for gradient in kept.get("gradients", ()):
            self.inverse.update(gradient)
        self._velocity = kept["velocity"].clone() if kept else None
