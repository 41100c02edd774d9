"""Penalties on how much the curvature of a loss differs from one domain to another."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ritz.errors import InvalidProblem, UnknownName

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
    r"""Return how far gradients and Hessians of several losses are apart, to be added to their mean.

    Domains whose losses share gradient and Hessian at a point have the same loss around it :cite:`HematiEtAl2023`;
    in Ritz, domains are geometries or coefficients that one network is to precondition. With gradients
    :math:`g_e` and Hessians :math:`H_e` the penalty is :math:`\frac1E\sum_e\|h_e-\bar h\|^2+\gamma\|g_e-\bar g\|^2`,
    h being :math:`H_eg_e` or the diagonal of :math:`H_e`. Where the head is linear, `linear_head_diagonal` gives the
    diagonal in closed form, for `spread`.

    Parameters
    ----------
    losses : sequence of scalar tensors
        One a domain, with their graph.
    parameters : sequence of tensors
        Those that gradients and Hessians are taken by: the last layer, as a rule.
    method : str
        ``"product"`` for :math:`H_eg_e`, ``"hutchinson"`` for the diagonal by random signs.
    gradient_weight : float
        γ.
    probes, seed : int
        Of the signs.

    Returns
    -------
    scalar tensor
        With its graph.

    Examples
    --------
    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> alike = [(a * w * w).sum() for a in (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))]
    >>> hessian_alignment(alike, [w]).item()
    0.0
    """
    if method not in METHODS:
        raise UnknownName("method", method, METHODS)
    if len(losses) < 2:
        raise InvalidProblem(f"losses are {len(losses)}; it takes two domains at least to align them")
    shapes = {tuple(each.shape) for each in losses}
    if shapes != {()}:
        raise InvalidProblem(f"losses have shapes {sorted(shapes)}; each must be one number")
    gradients = [_flat_gradient(each, parameters) for each in losses]
    if method == "product":
        curvatures = [_flat_gradient(g, parameters, g.detach()) for g in gradients]
    else:
        curvatures = [diagonal_by_probes(g, parameters, probes, seed) for g in gradients]
    return spread(curvatures) + gradient_weight * spread(gradients)


def spread(vectors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean squared distance of vectors from their mean."""
    stacked = torch.stack([each.reshape(-1) for each in vectors])
    return (stacked - stacked.mean(0)).square().sum(1).mean()


def diagonal_by_probes(
    gradient: torch.Tensor, parameters: Sequence[torch.Tensor], probes: int, seed: int = 0
) -> torch.Tensor:
    """Return Hutchinson's estimate of the diagonal of the Hessian, with its graph, from the gradient with its own."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(gradient)
    for _ in range(probes):
        drawn = torch.randint(0, 2, gradient.shape, generator=generator)
        signs = (2.0 * drawn - 1.0).to(gradient)
        total = total + signs * _flat_gradient(gradient, parameters, signs)
    return total / probes


def linear_head_diagonal(
    features: torch.Tensor, logits: torch.Tensor | None = None, *, weights: torch.Tensor | None = None
) -> torch.Tensor:
    r"""Return the diagonal of the Hessian by the weights of a linear last layer, in closed form.

    Parameters
    ----------
    features : tensor, shape (N, k), or (N, ..., k) without logits
        What the layer is given. For least squares: what the residual changes by when a weight does, sample by sample;
        for a preconditioner, the operator applied to each channel.
    logits : tensor, shape (N, c), optional
        What it returns, for the mean cross-entropy: the diagonal is :math:`\frac1N\sum_np_{nc}(1-p_{nc})z_{nk}^2`.
        Left out, the loss is the mean over samples of the sum of squares, whose diagonal is twice the mean of
        squares.
    weights : tensor, shape (N,), optional
        Of the samples; 1/N each if left out.

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
    parts = torch.autograd.grad(value, list(parameters), direction, create_graph=True, materialize_grads=True)
    return torch.cat([each.reshape(-1) for each in parts])
