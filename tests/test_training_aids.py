"""Learning rates, sharpness, alignment and bits: against dense Hessians and brute force, and where they must refuse."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from small_networks import fitting
from torch import nn

from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Hessian
from ritz.solvers.training import (
    SharpnessMonitor,
    hessian_alignment,
    learning_rate,
    linear_head_diagonal,
    quantise,
    quantised,
    sensitivities,
    sharpness,
    with_integers,
)


def test_learning_rates_follow_from_eigenvalues():
    model, batch, loss = fitting()
    largest = np.linalg.eigvalsh(Hessian(loss, model, [batch]).to_dense())[-1]
    found = learning_rate(loss, model, [batch])
    assert found.largest == pytest.approx(largest, rel=1e-6)
    assert found.limit == pytest.approx(2.0 / largest, rel=1e-6)
    assert found.value == pytest.approx(0.1 * found.limit)
    assert found.batch_size == 12
    assert found.for_batch(48) == pytest.approx(4.0 * found.value)
    halves = [(batch[0][:6], batch[1][:6]), (batch[0][6:], batch[1][6:])]
    single = learning_rate(loss, model, halves)
    assert single.largest >= (1.0 - 1e-9) * largest  # the largest eigenvalue is convex
    assert np.isfinite(single.standard_error)
    adam = learning_rate(loss, model, [batch] * 8, "adam")
    assert adam.for_batch(24) == pytest.approx(2.0**0.5 * adam.value)
    with pytest.raises(UnknownName, match="'adma'"):
        learning_rate(loss, model, [batch], "adma")
    with pytest.raises(InvalidProblem, match="no direction has positive curvature"):
        learning_rate(lambda x: -(x * x).sum(), torch.ones(3))
    with pytest.raises(InvalidProblem, match="size is nan"):
        found.for_batch(float("nan"))


@pytest.mark.parametrize("lengths", [(12,), (6, 6), (1,) * 12, (1, 2, 3, 6)])
def test_rates_for_large_batches_stay_below_the_limit_of_all_data(lengths):
    model, (x, y), loss = fitting()
    parts = list(zip(x.split(lengths), y.split(lengths), strict=True))
    largest = np.linalg.eigvalsh(Hessian(loss, model, [(x, y)]).to_dense())[-1]
    found = learning_rate(loss, model, parts)
    assert found.full_limit == pytest.approx(2.0 / largest, rel=1e-6)
    for size in (1e3, 1e6, 1e300):
        assert found.for_batch(size) == found.full_limit
    assert found.for_batch(found.batch_size) == pytest.approx(found.value)


@pytest.mark.parametrize("count", [1, 7, 8, 12])
def test_adams_scales_need_eight_batches(count):
    model, (x, y), loss = fitting()
    parts = list(zip(x.split(1), y.split(1), strict=True))[:count]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        learning_rate(loss, model, parts)
        found = learning_rate(loss, model, parts, "adam")
        found.for_batch(1e9)
    said = [str(each.message) for each in caught]
    assert said == [f"data holds {count} of the 8 batches that Adam's scales need: the rate may be several times"
                    " too small"] * (count < 8)  # fmt: skip
    assert all(each.filename == __file__ for each in caught)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_training_at_the_advised_rate_goes_down(name):
    model, batch, loss = fitting()
    rate = learning_rate(loss, model, [batch] * 8, name).value
    optimiser = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name](model.parameters(), lr=rate)
    losses = []
    for _ in range(200):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert max(losses) < 1.5 * losses[0]


def test_sharpness_is_watched_through_training():
    model, batch, loss = fitting()
    monitor = SharpnessMonitor(loss, model, [batch], learning_rate=0.05, every=4)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(9):
        monitor(step)
        optimiser.zero_grad()
        loss(model, batch).backward()
        optimiser.step()
    assert [each.step for each in monitor.history] == [0, 4, 8]
    matrix = Hessian(loss, model, [batch]).to_dense()
    now = sharpness(Hessian(loss, model, [batch]), 0.05)
    assert now.largest == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-4)
    assert now.trace.value == pytest.approx(np.trace(matrix), rel=1e-6)  # exact: the budget is the size
    assert now.limit == 40.0
    with pytest.raises(InvalidProblem, match="learning_rate is 0"):
        sharpness(np.eye(3), 0.0)


def test_single_samples_find_flat_minima_and_whole_gradients_only_blunt_ones():
    from ritz.figures.training.dynamical_stability import gradient_descent

    single = gradient_descent(0.05, batch=1, steps=30_000)
    assert single.converged
    assert single.trace <= 2.0 / 0.05
    whole = gradient_descent(0.1, batch=None, steps=4000)
    assert whole.converged
    assert whole.largest <= 2.0 / 0.1
    assert whole.trace > 2.0 / 0.1  # where single samples could not stay
    assert not gradient_descent(0.1, batch=1, steps=2000).converged


def test_hessian_alignment():
    torch.manual_seed(0)
    features = [torch.randn(30, 5, dtype=torch.float64) * scale for scale in (0.5, 1.0)]
    head = nn.Linear(5, 3).double()
    labels = torch.randint(3, (30,))
    losses = [nn.functional.cross_entropy(head(z), labels) for z in features]
    weights = [head.weight]
    matrices, slopes = [], []
    for z in features:
        H = Hessian(
            lambda w, z=z: nn.functional.cross_entropy(z @ w.T + head.bias.detach(), labels), head.weight.detach()
        )
        matrices.append(H.to_dense())
        slopes.append(H.gradient)
    along = [matrix @ slope for matrix, slope in zip(matrices, slopes, strict=True)]
    expected = sum(((v - np.mean(vs, axis=0)) ** 2).sum() / 2 for vs in (along, slopes) for v in vs)
    penalty = hessian_alignment(losses, weights)
    assert penalty.item() == pytest.approx(expected, rel=1e-10)
    assert torch.autograd.grad(penalty, head.weight, retain_graph=True)[0].abs().max() > 0.0
    for z, matrix in zip(features, matrices, strict=True):
        np.testing.assert_allclose(linear_head_diagonal(z, head(z)).detach().reshape(-1), np.diagonal(matrix))
    exact = [np.diagonal(matrix) for matrix in matrices]
    probed = hessian_alignment(losses, weights, "hutchinson", gradient_weight=0.0, probes=300)
    spread = sum(((v - np.mean(exact, axis=0)) ** 2).sum() / 2 for v in exact)
    assert probed.item() == pytest.approx(spread, rel=0.5)
    same = [nn.functional.cross_entropy(head(features[0]), labels) for _ in range(2)]
    assert hessian_alignment(same, weights).item() == 0.0
    with pytest.raises(InvalidProblem, match="two domains at least"):
        hessian_alignment(losses[:1], weights)
    with pytest.raises(InvalidProblem, match="each must be one number"):
        hessian_alignment([features[0], features[1]], weights)


def test_closed_form_for_least_squares_heads():
    torch.manual_seed(0)
    z = torch.randn(7, 4, 3, dtype=torch.float64)  # four residuals a sample, three weights
    w = torch.randn(3, dtype=torch.float64)
    H = Hessian(lambda w: ((z @ w) ** 2).sum(1).mean(), w)
    np.testing.assert_allclose(linear_head_diagonal(z), H.diagonal())


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_whole_numbers_stand_for_weights(bits):
    torch.manual_seed(0)
    values = torch.randn(7, 3)
    numbers, scale = quantise(values, bits)
    assert numbers.dtype == torch.int8
    assert numbers.abs().max() == 2 ** (bits - 1) - 1
    assert float((scale * numbers - values).abs().max()) <= 0.5 * scale * (1.0 + 1e-6)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=2, dilation=2), nn.Tanh(), nn.Conv2d(3, 1, 3, padding=1))
    model.append(nn.Flatten()).append(nn.Linear(36, 2))
    widths = {"0": bits, "2": 8, "4": bits}
    rounded, whole = quantised(model, widths), with_integers(model, widths)
    x = torch.randn(5, 1, 6, 6)
    near, exact = whole(x).detach(), rounded(x).detach()
    assert (near - exact).abs().max() < 0.05 * exact.abs().max()  # inputs in 8 bits
    stored = whole.get_submodule("4").stored
    assert stored.numel() == (36 if bits <= 4 else 72)
    assert torch.equal(model[4].weight, nn.Module.get_parameter(model, "4.weight"))
    with pytest.raises(InvalidProblem, match="NaN or infinity"):
        quantise(values * float("nan"), bits)
    with pytest.raises(InvalidProblem, match="from 2 to 8"):
        quantise(values, 1)


def test_bit_widths_are_the_best_there_are():
    model, batch, loss = fitting()
    model = nn.Sequential(*model, nn.Tanh(), nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    found = sensitivities(loss, model, [batch], bits=(2, 4, 8))
    assert found.names == ("0", "2", "4", "6")
    every = list(itertools.product(range(3), repeat=4))
    sizes = [sum(found.sizes[i] * found.bits[c] for i, c in enumerate(choice)) for choice in every]
    costs = [sum(found.perturbations[i, c] for i, c in enumerate(choice)) for choice in every]
    for point in found.front():
        size = round(point.average * found.sizes.sum())
        assert point.perturbation == pytest.approx(min(c for s, c in zip(sizes, costs, strict=True) if s <= size))
    assert found.within(4.0).perturbation <= found.uniform(4).perturbation
    H = Hessian(loss, model, [batch], chunk=1)
    exact = [np.trace(H.block(f"{name}.weight").to_dense()) for name in found.names]
    np.testing.assert_allclose(found.average_traces * found.sizes, np.maximum(exact, 0.0), rtol=1e-6, atol=1e-9)
    with pytest.raises(InvalidProblem, match="fewest to choose from are 2"):
        found.within(1.5)
    with pytest.raises(InvalidProblem, match="no linear or convolutional layer"):
        sensitivities(loss, nn.Sequential(nn.Tanh()), [batch])
