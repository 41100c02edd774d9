"""AdaHessian: Adam with the diagonal of the Hessian in place of squared gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from ritz.arguments import check_integer, check_seed
from ritz.errors import InvalidProblem, TrainingError

from .random_signs import random_signs

__all__ = ["AdaHessian"]

SEED_STRIDE = 1_000_003  # between the seeds of consecutive steps, which makes a resumed run draw the same signs


class AdaHessian(torch.optim.Optimizer):
    r"""AdaHessian :cite:`YaoEtAl2021`: steps scaled by a moving average of the diagonal of the Hessian.

    The diagonal D is estimated by Hutchinson's :math:`z\circ Hz` with one vector z of random signs, which is exact
    for a diagonal H. Its absolute values are averaged over the rows of matrices and over convolution kernels. Then
    :math:`m\leftarrow\beta_1m+(1-\beta_1)g`, :math:`v\leftarrow\beta_2v+(1-\beta_2)D^2` and
    :math:`w\leftarrow w-\eta\,\hat m/(\sqrt{\hat v}+\varepsilon)-\eta\mu w`, with m and v corrected for the bias of
    their zero initial values. A step that renews the diagonal also differentiates the gradient, and takes 3 to 4
    times as long as a step of Adam.

    Parameters
    ----------
    params : iterable of tensors, or of dictionaries
    lr : float
        Learning rate η.
    betas : (float, float)
        Decay rates β of the moving averages of gradients and squared diagonals.
    eps : float
        Offset ε in the denominator.
    weight_decay : float
        Decoupled weight decay μ.
    update_every : int
        Steps between estimates of the diagonal; v is updated only with them.
    averaging : bool
        Whether to average over rows and kernels.
    seed : int
        Seed of the random signs.

    Raises
    ------
    InvalidProblem
        If an option is out of range.

    Examples
    --------
    >>> x = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> optimiser = AdaHessian([x], lr=1.0, eps=0.0, averaging=False)
    >>> loss = optimiser.step(lambda: 0.5 * (torch.tensor([1.0, 100.0]) * x * x).sum())  # one Newton step
    >>> x.abs().max().item() < 1e-6
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.15,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-4,
        weight_decay: float = 0.0,
        *,
        update_every: int = 1,
        averaging: bool = True,
        seed: int = 0,
    ):
        for name, value, right in (
            ("lr", lr, lr > 0.0),
            ("betas", betas, all(0.0 <= beta < 1.0 for beta in betas)),
            ("eps", eps, eps >= 0.0),
            ("weight_decay", weight_decay, weight_decay >= 0.0),
        ):
            if not right:
                raise InvalidProblem(
                    f"{name} is {value!r}; lr must be positive, betas in [0, 1), eps and weight_decay not negative"
                )
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)
        self.update_every = check_integer("update_every", update_every)
        self.averaging, self.seed = averaging, check_seed(seed)
        for group in self.param_groups:
            group["steps"] = 0

    @property
    def create_graph(self) -> bool:
        """Whether the next step renews the diagonal and therefore needs gradients with their graph."""
        return self.param_groups[0]["steps"] % self.update_every == 0

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None) -> torch.Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step and return the loss before it.

        Parameters
        ----------
        closure : callable, optional
            Returns the loss with its graph and must not call ``backward``. Without a closure, gradients are read
            from ``parameter.grad`` and must have their graph whenever `create_graph` is true.

        Raises
        ------
        TrainingError
            If the loss or its curvature is not finite.
        InvalidProblem
            If the gradients lack the graph they need.
        """
        steps, renew = self.param_groups[0]["steps"], self.create_graph
        chosen = [(each, group) for group in self.param_groups for each in group["params"] if each.requires_grad]
        parameters = [each for each, _ in chosen]
        loss: torch.Tensor | None = None
        if closure is None:
            gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
            if renew and not any(each.requires_grad for each in gradients):
                raise InvalidProblem("gradients have no graph: give step a closure, or backward(create_graph=True)")
        else:
            with torch.enable_grad():
                loss = closure()
                if not torch.isfinite(loss):
                    raise TrainingError(f"the loss is {loss.item()} at step {steps}: lower lr")
                found = torch.autograd.grad(loss, parameters, create_graph=renew, materialize_grads=True)
            gradients = list(found)
        if renew:
            self._renew(parameters, gradients, [group["betas"][1] for _, group in chosen])
        for group in self.param_groups:
            group["steps"] += 1
        for (parameter, group), gradient in zip(chosen, gradients, strict=True):
            self._move(parameter, gradient.detach(), group)
        return None if loss is None else loss.detach()

    def _renew(self, parameters: list[torch.Tensor], gradients: list[torch.Tensor], betas: list[float]) -> None:
        """Add a new estimate of the diagonal to the moving averages of its squares."""
        if any(each.requires_grad for each in gradients):
            generator = torch.Generator().manual_seed(self.seed + SEED_STRIDE * self.param_groups[0]["steps"])
            signs = [random_signs(each, generator) for each in parameters]
            products = torch.autograd.grad(gradients, parameters, signs, materialize_grads=True)
        else:  # the loss is linear
            products = tuple(torch.zeros_like(each) for each in parameters)
        for parameter, product, beta in zip(parameters, products, betas, strict=True):
            if not torch.isfinite(product).all():
                raise TrainingError(f"the curvature is not finite at step {self.param_groups[0]['steps']}: lower lr")
            diagonal = _averaged(product.abs()) if self.averaging else product.abs()
            state = self.state[parameter]
            squares = state.setdefault("squares", torch.zeros_like(parameter))
            squares.mul_(beta).addcmul_(diagonal, diagonal, value=1.0 - beta)
            state["missing"] = state.get("missing", 1.0) * beta  # weight still carried by the zero initial value

    def _move(self, parameter: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state, beta = self.state[parameter], group["betas"][0]
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        mean.mul_(beta).add_(gradient, alpha=1.0 - beta)
        scale = (state["squares"] / (1.0 - state["missing"])).sqrt_().add_(group["eps"])
        parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
        parameter.addcdiv_(mean, scale, value=-group["lr"] / (1.0 - beta ** group["steps"]))


def _averaged(values: torch.Tensor) -> torch.Tensor:
    """Return `values` averaged over the rows of a matrix or over convolution kernels, in their original shape."""
    axes = {2: (1,), 3: (2,), 4: (2, 3), 5: (2, 3, 4)}.get(values.ndim)
    return values if axes is None else values.mean(axes, keepdim=True).expand_as(values)
