"""Penalties on the variation of gradient and curvature between training domains."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ritz.arguments import check_choice, check_seed
from ritz.errors import InvalidProblem

from .random_signs import random_signs

__all__ = ["diagonal_by_probes", "hessian_alignment", "linear_head_diagonal", "spread"]

METHODS = ("product", "hutchinson")


def hessian_alignment(
    losses: Sequence[torch.Tensor],
    parameters: Sequence[torch.Tensor],
    method: str = "product",
    *,
    gradient_weight: float = 1.0,
    probes: int = 30,
    seed: int = 0,
) -> torch.Tensor:
    r"""Return a penalty on the spread of gradients and Hessians between losses, to be added to their mean.

    Domains whose losses share gradient and Hessian at a point have the same loss around it :cite:`HematiEtAl2023`.
    In Ritz, the domains are geometries or coefficients that one network is to precondition. With gradients
    :math:`g_e` and Hessians :math:`H_e`, the penalty is
    :math:`\frac1E\sum_e\|h_e-\bar h\|^2+\gamma\|g_e-\bar g\|^2`, with :math:`H_eg_e` or the diagonal of :math:`H_e`
    as :math:`h_e`. For a linear head, `linear_head_diagonal` gives the diagonal in closed form, to be passed to
    `spread`.

    Parameters
    ----------
    losses : sequence of scalar tensors
        One per domain, with their graph.
    parameters : sequence of tensors
        Parameters with respect to which to differentiate, usually those of the last layer.
    method : str
        ``"product"`` for :math:`H_eg_e`, ``"hutchinson"`` for an estimate of the diagonal with random signs.
    gradient_weight : float
        Weight γ of the gradients.
    probes, seed : int
        Number of random sign vectors and their seed, for ``"hutchinson"``.

    Returns
    -------
    scalar tensor
        With its graph, so that it can be differentiated, third derivatives of the losses included.

    Raises
    ------
    InvalidProblem
        If `method` is unknown, there are fewer than two losses, or a loss is not one number with its graph.

    Examples
    --------
    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> alike = [(a * w * w).sum() for a in (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))]
    >>> hessian_alignment(alike, [w]).item()
    0.0
    """
    check_choice("method", method, METHODS)
    seed = check_seed(seed)
    if len(losses) < 2:
        raise InvalidProblem(f"there are {len(losses)} losses; alignment takes two domains at least")
    shapes = {tuple(each.shape) for each in losses}
    if shapes != {()}:
        raise InvalidProblem(f"losses have shapes {sorted(shapes)}; each must be one number (a scalar tensor)")
    if not all(each.requires_grad for each in losses):
        raise InvalidProblem("a loss has no graph: compute it from the parameters, outside torch.no_grad()")
    gradients = [_flat_gradient(each, parameters) for each in losses]
    if method == "product":
        curvatures = [_flat_gradient(g, parameters, g) for g in gradients]  # g with its graph: it depends on them too
    else:
        curvatures = [diagonal_by_probes(g, parameters, probes, seed) for g in gradients]
    return spread(curvatures) + gradient_weight * spread(gradients)


def spread(vectors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean squared distance of `vectors` from their mean."""
    stacked = torch.stack([each.reshape(-1) for each in vectors])
    return (stacked - stacked.mean(0)).square().sum(1).mean()


def diagonal_by_probes(
    gradient: torch.Tensor, parameters: Sequence[torch.Tensor], probes: int, seed: int = 0
) -> torch.Tensor:
    """Return Hutchinson's estimate of the diagonal of the Hessian from the gradient, both with their graph."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(gradient)
    for _ in range(probes):
        signs = random_signs(gradient, generator)
        total = total + signs * _flat_gradient(gradient, parameters, signs)
    return total / probes


def linear_head_diagonal(
    features: torch.Tensor, logits: torch.Tensor | None = None, *, weights: torch.Tensor | None = None
) -> torch.Tensor:
    r"""Return the diagonal of the Hessian with respect to the weights of a linear last layer, in closed form.

    Parameters
    ----------
    features : tensor, shape (N, k), or (N, ..., k) without logits
        Input z of the layer. For least squares, the derivative of each sample's residual with respect to the
        weights; for a preconditioner, this is the operator applied to each channel.
    logits : tensor, shape (N, c), optional
        Output of the layer, with softmax probabilities p. The loss is then the mean cross-entropy, and the diagonal
        is :math:`\frac1N\sum_np_{nc}(1-p_{nc})z_{nk}^2`. Without logits, the loss is the mean over samples of the
        sum of squares, and the diagonal is twice the mean of squares.
    weights : tensor, shape (N,), optional
        Weights of the samples; 1/N by default.

    Returns
    -------
    tensor, shape (c, k) or (k,)

    Examples
    --------
    >>> linear_head_diagonal(torch.tensor([[1.0, 2.0], [3.0, 0.0]])).tolist()
    [10.0, 4.0]
    """
    count = len(features)
    share = features.new_full((count,), 1.0 / count) if weights is None else weights
    squares = features.square()
    if logits is None:
        return 2.0 * torch.tensordot(share, squares.reshape(count, -1, features.shape[-1]).sum(1), dims=1)
    p = torch.softmax(logits, dim=1)
    return (share[:, None] * p * (1.0 - p)).T @ squares


def _flat_gradient(
    value: torch.Tensor, parameters: Sequence[torch.Tensor], direction: torch.Tensor | None = None
) -> torch.Tensor:
    if not value.requires_grad:  # the gradient of a linear loss
        return torch.zeros_like(value)
    parts = torch.autograd.grad(value, list(parameters), direction, create_graph=True, materialize_grads=True)
    return torch.cat([each.reshape(-1) for each in parts])
