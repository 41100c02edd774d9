"""Small models of many kinds, with what is hard to differentiate twice: each maps (N, 3) inputs to (N, k) outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.nn.utils import parametrizations

__all__ = ["MODELS", "Cube", "function"]


class Function(nn.Module):
    """A model made from layers by name and a function ``forward(self, x)``."""

    def __init__(self, forward: Callable[..., torch.Tensor], layers: dict[str, nn.Module]):
        super().__init__()
        self.function = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)


def function(forward: Callable[..., torch.Tensor], **layers: nn.Module) -> nn.Module:
    return Function(forward, layers)


class Cube(torch.autograd.Function):
    """x³ in the older form, which torch.func does not take, without a derivative forwards."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3.0 * x**2 * gradient


def residual(m, x):
    out = m.b(torch.tanh(m.a(x)))
    out += x
    return m.o(torch.tanh(out))


def assigned(m, x):
    h = m.a(x)
    z = torch.zeros(len(x), 4, dtype=x.dtype)
    for i in range(4):
        z[:, i] = torch.sin(h[:, i] * h[:, i - 1])
    return m.o(z)


def chained(m, x):
    h = m.a(x).add_(0.5).mul_(2.0).tanh_() * 0.9
    h[h > 0.5] *= 0.7
    h[1:] -= 0.2
    return m.o(h.clamp_(-0.9, 0.6).exp_())


def scattered(m, x):
    h = torch.tanh(m.a(x))
    z = torch.zeros(len(x), 3, dtype=x.dtype).index_add_(1, torch.tensor([0, 2, 0, 1]), h)
    z.scatter_(1, torch.tensor([[1]] * len(x)), h[:, :1] * h[:, 1:2])
    return torch.einsum("ni,nj->nij", z, h).flatten(1) @ m.o.weight[0, :12, None]


def masked(m, x):
    h = m.a(x)
    h = torch.where(h > 0.0, h**2, torch.sin(h)).masked_fill(x[:, :1] > 1.0, 0.3)
    return m.o(torch.maximum(h, 0.5 * h.roll(1, dims=1)))


def viewed(m, x):
    h = torch.tanh(m.a(x)).view(len(x), 2, 2).transpose(1, 2)
    left, right = h.reshape(len(x), -1).chunk(2, dim=1)
    return m.o(torch.cat([left * right, right.flip(1)], dim=1))


def written_in_view(m, x):
    h = torch.tanh(m.a(x)) * 1.0
    h.view(len(x), 2, 2)[:, 0] *= x[:, :2]
    h[:, 1::2].exp_()
    return m.o(h)


def sequence(x):
    return torch.stack([x, x.sin(), x.cos(), 0.5 * x], dim=1)


def recurrent(kind, **options):
    width = 4 if options.get("bidirectional") else 2
    return function(
        lambda m, x: m.o(m.r(sequence(x))[0][:, -1]), r=kind(3, 2, batch_first=True, **options), o=nn.Linear(width, 1)
    )


def cell(kind):
    def forward(m, x):
        state = None
        for step in sequence(x).unbind(1):
            state = m.r(step, state)
        return m.o(state[0] if isinstance(state, tuple) else state)

    return function(forward, r=kind(3, 2), o=nn.Linear(2, 1))


def attention(m, x):
    return m.o(m.r(sequence(x), sequence(x), sequence(x), need_weights=m.weights)[0].mean(1))


def attended(weights):
    model = function(attention, r=nn.MultiheadAttention(3, 3 if weights else 1, batch_first=True), o=nn.Linear(3, 1))
    model.weights = weights
    return model


def masked_attention(m, x):
    q, k, v = m.a(sequence(x)).split(2, dim=-1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).flatten(1)[:, -2:]


def transformer(norm_first):
    layer = nn.TransformerEncoderLayer(4, 2, 3, batch_first=True, activation="gelu", dropout=0.0, norm_first=norm_first)
    return function(lambda m, x: m.r(m.a(sequence(x))).mean((1, 2))[:, None], a=nn.Linear(3, 4), r=layer)


def padded(mode):
    def forward(m, x):
        h = F.pad(sequence(x), (2, 1), mode=mode) if mode != "constant" else F.pad(sequence(x), (2, 1), value=0.3)
        return torch.tanh(m.c(h)).mean(-1)

    return function(forward, c=nn.Conv1d(4, 2, 3))


def picture(x):
    return torch.einsum("ni,nj->nij", x, x.cos())[:, None]


def counted(m, x):
    m.count += 1
    m.mean.mul_(0.9).add_(0.1 * x.detach().mean())
    return m.o(torch.tanh(m.a(x)) * m.count + m.mean)


def with_buffers():
    model = function(counted, a=nn.Linear(3, 4), o=nn.Linear(4, 1))
    model.register_buffer("count", torch.zeros((), dtype=torch.int64))
    model.register_buffer("mean", torch.zeros((), dtype=torch.float64))
    return model


def changes_its_input(m, x):
    x -= x.mean(dim=0)
    x *= 2.0
    return m.o(torch.tanh(m.a(x)))


def complex_steps(m, x):
    spectrum = torch.fft.rfft(m.a(x))
    product = torch.complex(spectrum.real.tanh(), spectrum.imag) * torch.exp(1j * spectrum.real)
    return m.o(torch.fft.irfft(product, n=4)) + product.abs().square().sum(1, keepdim=True)


def linear_algebra(m, x):
    A = torch.eye(2, dtype=x.dtype) * 3.0 + torch.tanh(m.a(x)).view(-1, 2, 2)
    return torch.linalg.solve(A, x[:, :2]) + torch.logdet(A)[:, None]


def embedded(m, x):
    return m.o(torch.tanh(m.e((x > 0.0).long()).flatten(1)))


def differentiated(m, x):
    """The derivative of a network in its input, as in networks for PDEs."""
    x = x.detach().requires_grad_()
    u = m.o(torch.tanh(m.a(x)))
    return torch.autograd.grad(u.sum(), x, create_graph=True)[0]


def branching(m, x):
    h = m.a(x)
    for _ in range(2 if float(h.detach().sum()) > 0.0 else 3):
        h = torch.sin(h)
    return m.o(h)


def shared(m, x):
    h = x
    for _ in range(3):
        h = torch.tanh(m.a(h))
    return m.o(h)


def small(**others):
    return {"a": nn.Linear(3, 4), "o": nn.Linear(4, 1), **others}


def old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


def normalised(layer, **options):
    return function(lambda m, x: m.o(torch.tanh(m.n(m.a(x)))), **small(n=layer(**options)))


def pruned():
    from torch.nn.utils import prune

    layer = nn.Linear(3, 4)
    prune.l1_unstructured(layer, "weight", amount=0.3)
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 1))


def sequential(layer):
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 1))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "residual block": lambda: function(residual, a=nn.Linear(3, 4), b=nn.Linear(4, 3), o=nn.Linear(3, 1)),
    "index assignment": lambda: function(assigned, **small()),
    "chain in place": lambda: function(chained, **small()),
    "scatter in place": lambda: function(scattered, a=nn.Linear(3, 4), o=nn.Linear(12, 1)),
    "views": lambda: function(viewed, **small()),
    "written in a view": lambda: function(written_in_view, **small()),
    "in-place activations": lambda: nn.Sequential(
        nn.Linear(3, 4), nn.ELU(inplace=True), nn.Linear(4, 3), nn.SiLU(inplace=True), nn.Linear(3, 1)
    ),
    "where": lambda: function(masked, **small()),
    "rnn": lambda: recurrent(nn.RNN),
    "gru": lambda: recurrent(nn.GRU),
    "lstm": lambda: recurrent(nn.LSTM),
    "lstm, both ways": lambda: recurrent(nn.LSTM, bidirectional=True),
    "gru of two layers": lambda: recurrent(nn.GRU, num_layers=2),
    "rnn cell": lambda: cell(nn.RNNCell),
    "gru cell": lambda: cell(nn.GRUCell),
    "lstm cell": lambda: cell(nn.LSTMCell),
    "attention": lambda: attended(False),
    "attention with weights": lambda: attended(True),
    "causal attention": lambda: function(masked_attention, a=nn.Linear(3, 6)),
    "transformer": lambda: transformer(False),
    "transformer, norm first": lambda: transformer(True).eval(),
    "weight norm": lambda: sequential(parametrizations.weight_norm(nn.Linear(3, 4))),
    "weight norm of columns": lambda: sequential(parametrizations.weight_norm(nn.Linear(3, 4), dim=1)),
    "weight norm, whole": lambda: sequential(parametrizations.weight_norm(nn.Linear(3, 4), dim=None)),
    "weight norm, older": lambda: sequential(old_weight_norm(nn.Linear(3, 4))),
    "weight norm of a convolution": lambda: function(
        lambda m, x: torch.tanh(m.c(sequence(x))).mean(-1), c=parametrizations.weight_norm(nn.Conv1d(4, 2, 2))
    ),
    "spectral norm": lambda: sequential(parametrizations.spectral_norm(nn.Linear(3, 4))).eval(),
    "orthogonal": lambda: nn.Sequential(
        parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map="cayley"), nn.Tanh(), nn.Linear(3, 1)
    ),
    "pruned": pruned,
    "layer norm": lambda: normalised(nn.LayerNorm, normalized_shape=4),
    "group norm": lambda: normalised(nn.GroupNorm, num_groups=1, num_channels=4),
    "rms norm": lambda: normalised(nn.RMSNorm, normalized_shape=4),
    "batch norm, evaluating": lambda: normalised(nn.BatchNorm1d, num_features=4).eval(),
    "batch norm without statistics": lambda: normalised(
        nn.BatchNorm1d, num_features=4, track_running_stats=False
    ).eval(),
    "dropout, evaluating": lambda: normalised(nn.Dropout, p=0.5).eval(),
    "instance norm": lambda: function(
        lambda m, x: m.n(m.c(sequence(x))).tanh()[..., 0], c=nn.Conv1d(4, 2, 1), n=nn.InstanceNorm1d(2, affine=True)
    ),
    "convolution": lambda: function(
        lambda m, x: torch.tanh(m.c(picture(x))).flatten(1)[:, ::3], c=nn.Conv2d(1, 2, 2, padding=1)
    ),
    "transposed convolution": lambda: function(
        lambda m, x: torch.tanh(m.c(picture(x))).sum((2, 3)), c=nn.ConvTranspose2d(1, 2, 2, stride=2)
    ),
    "convolution in groups": lambda: function(
        lambda m, x: torch.tanh(m.c(sequence(x))).sum(-1), c=nn.Conv1d(4, 4, 2, groups=2, dilation=2)
    ),
    "pooling": lambda: function(
        lambda m, x: F.max_pool2d(m.c(picture(x)) ** 2, 2).sum((2, 3)), c=nn.Conv2d(1, 2, 2, padding=1)
    ),
    **{f"padding, {mode}": lambda mode=mode: padded(mode) for mode in ("constant", "reflect", "replicate", "circular")},
    "embedding": lambda: function(embedded, e=nn.Embedding(2, 2), o=nn.Linear(6, 1)),
    "sparse embedding": lambda: function(embedded, e=nn.Embedding(2, 2, sparse=True), o=nn.Linear(6, 1)),
    "bilinear": lambda: function(lambda m, x: torch.tanh(m.b(x, x)), b=nn.Bilinear(3, 3, 2)),
    "complex steps": lambda: function(complex_steps, **small()),
    "linear algebra": lambda: function(linear_algebra, a=nn.Linear(3, 4)),
    "its own Function": lambda: function(lambda m, x: m.o(Cube.apply(m.a(x))), **small()),
    "buffers that change": with_buffers,
    "changes its input": lambda: function(changes_its_input, **small()),
    "derivative of a network": lambda: function(differentiated, **small()),
    "branches": lambda: function(branching, **small()),
    "shared layer": lambda: function(shared, a=nn.Linear(3, 3), o=nn.Linear(3, 1)),
    "softmax and logarithm": lambda: function(
        lambda m, x: torch.logsumexp(m.a(x), 1, keepdim=True) + torch.softmax(m.a(x), 1).cumprod(1), **small()
    ),
}
