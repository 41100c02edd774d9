"""Quantised layers against torch's own with rounded numbers, for every kind of layer, input and sharing."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Hessian
from ritz.solvers.training import jacobian_rows, quantise, quantised, sensitivities, with_integers

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
OPTIONS = (
    {},
    {"groups": 2},
    {"stride": 2, "padding": 1},
    {"padding": "same", "dilation": 2},
    {"padding": 2, "padding_mode": "circular", "bias": False},
    {"padding": 1, "padding_mode": "reflect", "groups": 4},
    {"padding": "same", "padding_mode": "replicate"},
)


def rounded(x, bits=8):
    numbers, scale = quantise(x, bits)
    return scale * numbers.to(x)


def names(model):
    return [name for name, each in model.named_modules() if hasattr(each, "weight")]


def expected(layer, x, bits):
    """Return the layer's output for one sample, with weights and inputs rounded in floating point."""
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.weight.copy_(rounded(layer.weight, bits))
        return other(rounded(x))


@pytest.mark.parametrize("dimension", CONVOLUTIONS)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda each: "-".join(map(str, each.values())) or "plain")
@pytest.mark.parametrize("bits", [3, 8])
def test_integer_convolutions_with_and_without_a_batch(dimension, options, bits):
    torch.manual_seed(dimension)
    layer = CONVOLUTIONS[dimension](4, 8, 3, **options).double()
    x = torch.randn(3, 4, *(7, 6, 5)[:dimension], dtype=torch.float64)
    x *= 10.0 ** torch.arange(-2, 2).view(-1, *[1] * dimension)  # channels of different size
    short = with_integers(layer, {"": bits})
    one_by_one = torch.stack([expected(layer, each, bits) for each in x])
    torch.testing.assert_close(short(x), one_by_one, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(torch.stack([short(each) for each in x]), one_by_one, rtol=1e-10, atol=1e-10)
    assert short(x[:0]).shape == layer(x[:0]).shape


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (2, 3, 4, 5), (0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_integer_linear_layers_with_any_leading_dimensions(shape, bias):
    torch.manual_seed(0)
    layer = nn.Linear(5, 7, bias=bias).double()
    x = torch.randn(shape, dtype=torch.float64)
    samples = x if x.ndim > 1 else x[None]
    found = with_integers(layer, {"": 4})(x)
    assert found.shape == layer(x).shape
    if x.numel():
        rows = torch.stack([expected(layer, each, 4) for each in samples])
        torch.testing.assert_close(found, rows if x.ndim > 1 else rows[0], rtol=1e-12, atol=1e-12)


class Twice(nn.Module):
    """One layer under several names, in containers, and in a plain list."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        shared = nn.Linear(4, 4)
        self.first, self.second = shared, shared
        self.sequence = nn.Sequential(shared, nn.Tanh(), shared, nn.Sequential(shared))
        self.list = nn.ModuleList([shared, nn.Linear(4, 4)])
        self.plain = [shared]

    def forward(self, x):
        x = torch.tanh(self.second(torch.tanh(self.first(x))))
        return self.plain[0](self.list[1](self.list[0](self.sequence(x))))


class Tied(nn.Module):
    """Layers that share a weight with each other and with an embedding."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(6, 4)
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 6, bias=False)
        self.second.weight, self.head.weight = self.first.weight, self.embedding.weight

    def forward(self, tokens):
        return self.head(torch.tanh(self.second(torch.tanh(self.first(self.embedding(tokens))))))


def layers_in(model):
    """Return every layer that a forward pass uses, by calls."""
    used = []
    hook = nn.modules.module.register_module_forward_hook(lambda module, *_: used.append(type(module).__name__))
    model()
    hook.remove()
    return used


def test_a_layer_is_replaced_wherever_it_is_used():
    model, x = Twice(), torch.randn(3, 4)
    assert names(model)[0] == "first"
    bits = {"first": 8, "list.1": 8}
    short = with_integers(model, bits)
    used = layers_in(lambda: short(x))
    assert "Linear" not in used
    assert used.count("IntegerLayer") == 8
    assert short.first is short.second is short.sequence[0] is short.plain[0]
    assert (short(x) - model(x)).abs().max() < 0.05 * model(x).abs().max()
    assert (short(x) - quantised(model, bits)(x)).abs().max() < 0.05 * model(x).abs().max()
    assert isinstance(model.plain[0], nn.Linear)  # the model itself stays as it was
    assert len(with_integers(model, {"sequence.0": 3, "list.1": 8}).first.stored) == 8  # any of its names will do


def test_tied_weights_are_rounded_once_for_all():
    model, tokens = Tied(), torch.randint(6, (5, 3))
    bits = {"first": 3, "head": 4}
    whole, short = quantised(model, bits), with_integers(model, bits)
    assert whole.second.weight is whole.first.weight
    torch.testing.assert_close(whole.embedding.weight, rounded(model.head.weight, 4))
    torch.testing.assert_close(whole.second.weight, rounded(model.first.weight, 3))
    torch.testing.assert_close(short.embedding.weight, whole.embedding.weight)
    torch.testing.assert_close(short.second.weight, whole.second.weight)
    near = short(tokens)
    assert (near - whole(tokens)).abs().max() < 0.05 * near.abs().max()
    with pytest.raises(InvalidProblem, match=r"'first': 3, 'second': 8.*share one weight"):
        quantised(model, {"first": 3, "second": 8, "head": 8})


def test_attention_uses_the_rounded_weights_it_reads():
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()
    bits = dict.fromkeys(("self_attn.out_proj", "linear1", "linear2"), 6)
    x = torch.randn(2, 5, 8)
    short, whole = with_integers(model, bits), quantised(model, bits)
    assert (short(x) - whole(x)).abs().max() < 0.02 * whole(x).abs().max()


def loss_of(target):
    return lambda model, batch: (model(batch[0]) - target).square().mean()


@pytest.mark.parametrize("kind", [Twice, Tied])
def test_sensitivities_of_shared_weights_are_those_of_their_whole_block(kind):
    model = kind().double()
    before = list(model.parameters())
    x = torch.randint(6, (5, 3)) if kind is Tied else torch.randn(5, 4, dtype=torch.float64)
    loss = loss_of(0.0)
    found = sensitivities(loss, model, [(x,)], bits=(2, 8), budget=100)
    assert found.names == (("first", "list.1") if kind is Twice else ("first", "head"))
    parameters = {"first": "first.weight", "list.1": "list.1.weight", "head": "embedding.weight"}
    hessian = Hessian(loss, model, [(x,)], chunk=1)
    matrix, slices = hessian.to_dense(), hessian.slices
    traces = [np.trace(matrix[slices[parameters[name]], slices[parameters[name]]]) for name in found.names]
    np.testing.assert_allclose(found.average_traces * found.sizes, np.maximum(traces, 0.0), rtol=1e-8, atol=1e-12)
    with_integers(model, found.within(5.0).bits)(x)
    after = list(model.parameters())
    assert len(after) == len(before)
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_derivatives_of_shared_layers_leave_them_as_they_are():
    model, x = Twice().double(), torch.randn(3, 4, dtype=torch.float64)
    before = list(model.parameters())
    rows = jacobian_rows(lambda model, sample: model(sample).sum(), model, x)
    for row, sample in zip(rows, x, strict=True):
        gradient = torch.autograd.grad(model(sample).sum(), before)
        torch.testing.assert_close(row, torch.cat([each.flatten() for each in gradient]))
    assert all(one is other for one, other in zip(before, model.parameters(), strict=True))


class Masked(nn.Linear):
    def forward(self, x):
        return functional.linear(x, self.weight.tril(), self.bias)


def hooked():
    layer = nn.Linear(3, 3)
    layer.register_forward_hook(lambda module, args, output: 2.0 * output)
    return layer


REFUSED = {
    "a Masked with a method of its own": (Masked(3, 3), {"": 4}),
    "has hooks": (hooked(), {"": 4}),
    "is computed from other parameters": (nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), {"": 4}),
    "no weights before its first input": (nn.LazyLinear(3), {"": 4}),
    "no entry for layer '1'": (nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), {"0": 4}),
    r"bits is 4; it must map": (nn.Linear(3, 3), 4),
    r"bits\[''\] is 9": (nn.Linear(3, 3), {"": 9}),
    "model is a list": ([nn.Linear(3, 3)], {"0": 4}),
    "no linear or convolutional layer": (nn.Tanh(), {}),
}


@pytest.mark.parametrize("match", REFUSED)
def test_what_cannot_be_quantised_is_refused(match):
    model, bits = REFUSED[match]
    with pytest.raises(InvalidProblem, match=match):
        with_integers(model, bits)


def test_reasons_are_named():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    with pytest.raises(UnknownName, match="layer 'zero'"):
        quantised(model, {"zero": 4})
    pruned = prune.l1_unstructured(nn.Linear(3, 3), "weight", 0.5)
    with pytest.raises(InvalidProblem, match="pruning"):
        quantised(pruned, {"": 4})
    batch = [(torch.randn(4, 3),)]
    frozen = nn.Sequential(nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 3))
    with pytest.raises(InvalidProblem, match="layer '0' requires no gradient"):
        sensitivities(loss_of(0.0), frozen, batch)
    for bits, match in (((), "bits is empty"), ((2, 9), "bits is 9"), ((2.5,), "bits is 2.5")):
        with pytest.raises(InvalidProblem, match=match):
            sensitivities(loss_of(0.0), model, batch, bits=bits)
    found = sensitivities(loss_of(0.0), model, batch, bits=(2, 4))
    with pytest.raises(InvalidProblem, match="bits is 5; there are 2, 4"):
        found.uniform(5)
    with pytest.raises(InvalidProblem, match="average is nan"):
        found.within(float("nan"))
    with pytest.raises(InvalidProblem, match="empty"):
        quantise(torch.empty(0), 4)
