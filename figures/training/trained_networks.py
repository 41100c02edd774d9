"""Two small trained networks for figures and benchmarks of Hessians."""

from __future__ import annotations

from typing import Any

__all__ = ["trained_network"]


def trained_network(kind: str, steps: int = 200, seed: int = 0) -> tuple[Any, Any, Any]:
    """Train a small network in float64 with Adam, and return it with its loss and its data.

    Parameters
    ----------
    kind : str
        ``"mlp"``: 2-32-32-1 with tanh, fitted to a product of sines at 512 points (1185 parameters). ``"cnn"``: four
        convolutions with tanh and 8 channels, trained to smooth 16 images of 16 x 16 (1321 parameters).
    steps : int
        Steps of Adam.
    seed : int
        Seed of the initial weights and the data.

    Returns
    -------
    loss, model, data
        Arguments of `ritz.operators.Hessian`.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "mlp":
            model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
            x = torch.rand(512, 2, dtype=torch.float64)
            y = torch.sin(torch.pi * x).prod(dim=1, keepdim=True)
        else:
            layers: list[nn.Module] = []
            for inward, outward in ((1, 8), (8, 8), (8, 8), (8, 1)):
                layers += [nn.Conv2d(inward, outward, 3, padding=1), nn.Tanh()]
            model = nn.Sequential(*layers[:-1])
            x = torch.randn(16, 1, 16, 16, dtype=torch.float64)
            y = nn.functional.avg_pool2d(x, 3, stride=1, padding=1)
        model = model.double()

    def loss(model: Any, batch: Any) -> torch.Tensor:
        return (model(batch[0]) - batch[1]).square().mean()

    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(model, (x, y)).backward()
        optimiser.step()
    optimiser.zero_grad()
    return loss, model, [(x, y)]
