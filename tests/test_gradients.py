"""Gradients of penalties, losses and estimates, against differences of their values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import ritz
from ritz import PDE
from ritz.errors import InvalidProblem
from ritz.solvers.training import hessian_alignment, linear_head_diagonal
from ritz.solvers.training.alignment import diagonal_by_probes, spread


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.3


def quartic(*parameters):
    return [sum(scale * (p**4).sum() + (p.sum() ** 3) / (1.0 + scale) for p in parameters) for scale in (0.3, 1.0, 1.7)]


def network(weights, bias):
    x = uniform(7, 3, seed=2) - 0.5
    return [(torch.tanh(scale * x @ weights + bias) - x[:, :2]).square().mean() for scale in (0.5, 1.0)]


def entropy(weights, bias):
    x, labels = uniform(9, 3, seed=3), torch.arange(9) % 2
    return [nn.functional.cross_entropy(scale * x @ weights + bias, labels) for scale in (0.5, 2.0)]


def linear(weights, bias):
    return [scale * weights.sum() + bias.prod() for scale in (1.0, 2.0)]


LOSSES = {"quartic": quartic, "network": network, "entropy": entropy, "linear in part": linear}


@pytest.mark.parametrize("method", ["product", "hutchinson"])
@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("gradient_weight", [0.0, 0.7])
def test_alignment(losses, method, gradient_weight):
    def penalty(*parameters):
        options = {"gradient_weight": gradient_weight, "probes": 3}
        return hessian_alignment(losses(*parameters), parameters, method, **options)

    parameters = [(uniform(3, 2, seed=4) - 0.6).requires_grad_(), uniform(2, seed=5).requires_grad_()]
    assert torch.autograd.gradcheck(penalty, parameters)


def test_alignment_of_squares():
    w = torch.tensor([1.5], requires_grad=True)
    penalty = hessian_alignment([(w * w).sum(), 2.0 * (w * w).sum()], [w], gradient_weight=0.0)
    assert penalty.item() == pytest.approx(81.0)  # H g is 4w and 16w
    assert torch.autograd.grad(penalty, w)[0].item() == pytest.approx(108.0)


def test_alignment_of_linear_losses_compares_their_gradients():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for method in ("product", "hutchinson"):
        assert hessian_alignment([w.sum(), 3.0 * w.sum()], [w], method).item() == pytest.approx(2.0)
    with pytest.raises(InvalidProblem, match="a loss has no graph"):
        hessian_alignment([w.sum(), w.detach().sum()], [w])


def test_parts_of_alignment():
    vectors = [uniform(4, seed=seed).requires_grad_() for seed in range(3)]
    assert torch.autograd.gradcheck(lambda *v: spread(v), vectors)
    features, weights = uniform(6, 3).requires_grad_(), uniform(6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(linear_head_diagonal, (features,))
    assert torch.autograd.gradcheck(lambda z, w: linear_head_diagonal(z, weights=w), (features, weights))
    head = (uniform(3, 2, seed=6) - 0.8).requires_grad_()
    assert torch.autograd.gradcheck(lambda z, a: linear_head_diagonal(z, z @ a), (features, head))

    def estimate(p):
        (gradient,) = torch.autograd.grad((p**4).sum() + p.prod(), p, create_graph=True)
        return diagonal_by_probes(gradient, [p], 3)

    assert torch.autograd.gradcheck(estimate, (uniform(4, seed=7).requires_grad_(),))


def test_products_with_derivatives_of_models():
    from ritz.operators import EmpiricalFisher, GaussNewton, Hessian, Jacobian

    point = uniform(3)

    def outputs(p):
        return torch.stack([p[0] * p[1], torch.sin(p[2]), p.prod(), p[0] ** 2])

    operators = [
        Hessian(lambda p: outputs(p).square().sum(), point),
        GaussNewton(outputs, lambda z: (z**4).sum(), point),
        EmpiricalFisher(outputs, point),
        Jacobian(outputs, point),
        Jacobian(outputs, point).T,
    ]
    for operator in operators:
        for shape in ((operator.shape[1],), (operator.shape[1], 2)):
            x = uniform(*shape, seed=8).requires_grad_()
            assert torch.autograd.gradcheck(lambda x, A=operator: A @ x, (x,))
            assert torch.autograd.gradgradcheck(lambda x, A=operator: (A @ x) ** 2, (x,))


def check_along(module, value, tolerance, step=1e-7):
    """Compare the gradient of ``value()`` with differences along random directions in the parameters."""
    parameters = [each for each in module.parameters() if each.requires_grad]
    with torch.no_grad():
        for seed, each in enumerate(parameters):  # parts of new networks are zero, and hide what depends on them
            each += 0.1 * torch.randn(each.shape, generator=torch.Generator().manual_seed(seed), dtype=each.dtype)
    gradients = torch.autograd.grad(value(), parameters, materialize_grads=True)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        direction = [torch.randn(each.shape, generator=generator, dtype=each.dtype) for each in parameters]
        found = float(sum((g * v).sum() for g, v in zip(gradients, direction, strict=True)))
        values = []
        for factor in (step, -2.0 * step):
            with torch.no_grad():
                for each, v in zip(parameters, direction, strict=True):
                    each += factor * v
                values.append(float(value()))
        with torch.no_grad():
            for each, v in zip(parameters, direction, strict=True):
                each += step * v
        difference = (values[0] - values[1]) / (2.0 * step)
        assert found == pytest.approx(difference, rel=tolerance, abs=tolerance * abs(values[0]))


EQUATIONS = {
    "with a reaction": lambda: PDE(
        ((0.0, 1.0), (0.0, 2.0)),
        {(2, 0): -1.0, (0, 2): -2.0, (1, 1): 0.5},
        lambda x, y: np.sin(3.0 * x * y),
        reaction=(lambda u: u**3, lambda u: 3.0 * u**2),
        boundary=lambda x, y: x - y,
    ),
    "with slopes": lambda: PDE((0.0, 1.0), {2: -1.0, 1: lambda x: x, 0: 2.0}, np.cos, conditions="neumann"),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_losses_of_equations(name):
    prepared = ritz.solvers.neural.PINN(points=40, side_points=10, width=6, dtype="float64").prepare(EQUATIONS[name]())
    network = prepared.build()
    check_along(network, lambda: prepared.loss(network), 1e-6)


@pytest.mark.parametrize("energy", [False, True])
@pytest.mark.parametrize("smallest", [4, 10**9])
def test_losses_of_conjugate_directions(energy, smallest):
    from ritz.operators import Stencil
    from ritz.solvers.conjugate_directions.network_direction import make_network
    from ritz.solvers.conjugate_directions.recipes import _loss
    from ritz.solvers.conjugate_directions.scales import scales_of

    spec = {"size": 64, "channels": 4, "smallest": smallest, "normalized": True, "grid": (16, 16)}
    torch.manual_seed(0)
    network = make_network(2, spec, torch.Generator().manual_seed(0)).double()
    scales = [
        type(scale)(scale.diagonal.double(), [c.double() for c in scale.couplings], scale.fluid.double())
        for scale in scales_of(Stencil((16, 16), spacing=1.0), smallest)
    ]
    residuals = uniform(2, 1, 16, 16) - 0.8
    energies = torch.tensor([3.0, 5.0], dtype=torch.float64) * 1e3 if energy else None
    check_along(network, lambda: _loss(network, scales, residuals, energies, True), 1e-5)


@pytest.mark.parametrize(("dimension", "width"), [(2, 0), (2, 8), (3, 0), (3, 8)])
def test_losses_of_learned_multigrid(dimension, width):
    from ritz.solvers.multigrid.learned.cycle_network import CycleNetwork, FaceOperators, residual_reduction

    torch.manual_seed(0)
    network = CycleNetwork(dimension, width, 1).double()
    shape = [32, 32] if dimension == 2 else [16, 8, 8]
    faces = [
        uniform(2, *[n - (axis == other) for other, n in enumerate(shape)], seed=axis) for axis in range(dimension)
    ]
    walls = 0.1 * uniform(2, *shape, seed=7)
    rhs = uniform(2, *shape, seed=8) - 0.8
    tolerance = 1e-4 if width else 1e-6  # with a network, one of its inputs is held constant on coarse grids
    check_along(network, lambda: residual_reduction(network, FaceOperators(faces, walls), rhs, 3), tolerance)
