"""A small convolutional preconditioner for Poisson problems, for figures and benchmarks of training."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DEPTH", "apply_stencil", "iterations", "preconditioner", "residual_loss", "residuals"]

DEPTH, CHANNELS = 6, 8
RTOL, MAXITER = 1e-6, 200


def preconditioner(seed: int = 0, depth: int = DEPTH, channels: int = CHANNELS) -> Any:
    """Return a network of 3 x 3 convolutions with tanh between them, with the largest dilation in the middle."""
    import torch
    from torch import nn

    reach = [min(2 ** min(layer, depth - 1 - layer), 4) for layer in range(depth)]
    widths = [1, *[channels] * (depth - 1), 1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for layer, dilation in enumerate(reach):
            layers += [nn.Conv2d(widths[layer], widths[layer + 1], 3, padding=dilation, dilation=dilation), nn.Tanh()]
        return nn.Sequential(*layers[:-1])


def residuals(count: int, size: int, seed: int = 0, mask: Any = None) -> Any:
    """Return residuals with a root mean square of one, shape (count, 1, size, size), from rough to smooth."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, 1, size, size, generator=generator)
    smooth = torch.linspace(0.0, 1.0, count)[:, None, None, None]
    rough = drawn
    for _ in range(6):  # smoothing, as by an iterative solver
        drawn = drawn - 0.2 * apply_stencil(drawn, mask)
    found = smooth * drawn / drawn.norm(dim=(2, 3), keepdim=True) + (1.0 - smooth) * rough / rough.norm(
        dim=(2, 3), keepdim=True
    )
    if mask is not None:
        found = found * mask
    return found / found.norm(dim=(2, 3), keepdim=True) * size


def apply_stencil(u: Any, mask: Any = None) -> Any:
    """Return the five-point Laplacian of `u`, which is taken as zero around the square and where `mask` is zero."""
    import torch

    kernel = torch.tensor([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]], dtype=u.dtype)
    if mask is not None:
        u = u * mask
    product = torch.nn.functional.conv2d(u, kernel[None, None], padding=1)
    return product if mask is None else product * mask


def residual_loss(model: Any, batch: Any) -> Any:
    """Return the mean fraction of the squared residual left after one correction."""
    return (batch - apply_stencil(model(batch))).square().mean()


def iterations(model: Any, size: int, seeds: int = 3, mask: Any = None) -> float:
    """Return the mean number of iterations of flexible GMRES to 1e-6, without preconditioner if `model` is None."""
    import torch

    def multiply(u: np.ndarray) -> np.ndarray:
        wide = None if mask is None else mask.double()
        return apply_stencil(torch.as_tensor(u).view(1, 1, size, size), wide).reshape(-1).numpy()

    def correct(r: np.ndarray) -> np.ndarray:
        norm = float(np.linalg.norm(r)) or 1.0
        with torch.no_grad():
            image = torch.as_tensor(r * (size / norm), dtype=torch.float32).view(1, 1, size, size)
            found = model(image) if mask is None else model(image) * mask
        return found.reshape(-1).double().numpy() * (norm / size)

    counts: list[int] = []
    for seed in range(seeds):
        rhs = np.random.default_rng(seed).standard_normal(size * size)
        rhs = rhs if mask is None else rhs * mask.double().reshape(-1).numpy()
        counts.append(_flexible_gmres(multiply, rhs, (lambda r: r) if model is None else correct))
    return float(np.mean(counts))


def _flexible_gmres(multiply: Any, b: np.ndarray, correct: Any) -> int:
    """Return the number of iterations of GMRES without restarts, for a preconditioner that need not be linear."""
    basis, columns = [b / float(np.linalg.norm(b))], np.zeros((MAXITER + 1, MAXITER))
    for step in range(MAXITER):
        image = multiply(correct(basis[step]))
        for _ in range(2):
            for row, vector in enumerate(basis):
                part = float(vector @ image)
                columns[row, step] += part
                image = image - part * vector
        columns[step + 1, step] = np.linalg.norm(image)
        small, rhs = columns[: step + 2, : step + 1], np.eye(step + 2)[0]
        y = np.linalg.lstsq(small, rhs, rcond=None)[0]
        if np.linalg.norm(rhs - small @ y) <= RTOL:
            return step + 1
        basis.append(image / columns[step + 1, step])
    return MAXITER
