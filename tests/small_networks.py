"""Small networks, and something to fit them to, that several test files share."""

from __future__ import annotations

import torch
from torch import nn


def perceptron(seed=0, dtype=torch.float64, inputs=2):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)


def fitting(seed=0, samples=12):
    """Return a model, its data, and a smooth loss."""
    model = perceptron(seed)
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(samples, 2, generator=generator, dtype=torch.float64)
    y = torch.sin(3.0 * x).sum(dim=1, keepdim=True)
    return model, (x, y), lambda model, batch: (model(batch[0]) - batch[1]).square().mean()


def flat(model):
    return torch.cat([each.detach().reshape(-1) for each in model.parameters()]).numpy()
