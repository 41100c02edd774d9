"""Find a source from a few sensors, by gradients through a solve in torch.

Tensors go in and tensors come out. For a symmetric operator the gradient of a solve is another solve with the same
prepared solver, which a short `torch.autograd.Function` states.
"""

from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure

import ritz
from ritz.solvers.direct import LU


def main(output: Path = Path("output/examples/differentiate_a_solve.png")) -> None:
    """Solve and draw."""
    n = 24
    problem = ritz.problems.poisson((n, n))
    prepared = LU().prepare(problem)

    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(context, rhs):
            return prepared.solve(rhs).x

        @staticmethod
        def backward(context, gradient):
            return prepared.solve(gradient).x  # the operator is its own transpose

    generator = torch.Generator().manual_seed(0)
    x, y = (torch.as_tensor(each).reshape(n, n) for each in problem.grid.coordinates())
    true = torch.exp(-60.0 * ((x - 0.3) ** 2 + (y - 0.6) ** 2))
    sensors = torch.randperm(n * n, generator=generator)[:60]
    measured = Solve.apply(true.ravel())[sensors]

    source = torch.zeros(n * n, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([source], max_iter=80, line_search_fn="strong_wolfe")

    def misfit():
        optimiser.zero_grad()
        value = (Solve.apply(source)[sensors] - measured).square().sum() * 1e6 + 1e-3 * source.square().sum()
        value.backward()
        return value

    print(f"misfit before {misfit().item():.2e}")
    optimiser.step(misfit)
    print(f"misfit after  {misfit().item():.2e}")

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, field, title in (
        (left, true, "True source"),
        (right, source.detach().reshape(n, n), "Found by gradients"),
    ):
        axes.imshow(field.numpy().T, origin="lower", extent=(0, 1, 0, 1), cmap="magma")
        axes.set(title=title, xlabel="x", ylabel="y")
    cells = sensors.numpy()
    left.plot(x.ravel()[cells], y.ravel()[cells], ".", color="white", markersize=4, label="sensors")
    left.legend(loc="lower right", fontsize=8)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
