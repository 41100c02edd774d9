"""Look at the curvature of a network's loss.

The Hessian of a torch loss is an operator like a matrix, of which only products are computed. Training leaves a few
large eigenvalues and many near zero; a negative one says that the point is no minimum.
"""

from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure

from ritz.operators import Hessian
from ritz.solvers.spectrum import density, eigenvalues, trace


def main(output: Path = Path("output/examples/hessian_of_a_network.png")) -> None:
    """Solve and draw."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()
    x = torch.rand(256, 2, dtype=torch.float64)
    y = torch.sin(3.0 * x).prod(dim=1, keepdim=True)

    def loss(model, batch):
        return (model(batch[0]) - batch[1]).square().mean()

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for axes, steps in zip(figure.subplots(1, 2), (0, 300), strict=True):
        for _ in range(steps):
            optimiser.zero_grad()
            loss(model, (x, y)).backward()
            optimiser.step()
        H = Hessian(loss, model, [(x, y)])
        values = eigenvalues(H, 3).values
        print(f"after {steps} steps: loss {loss(model, (x, y)).item():.4f}, largest eigenvalues {values}")
        print(f"  trace {trace(H)}")
        density(H).plot(axes)
        axes.set(title=f"Hessian after {steps} steps", yscale="log", ylim=(1e-3, 20.0))

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
