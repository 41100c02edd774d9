"""The learned multigrid cycle in PyTorch, differentiable in its parameters, for training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, max_pool2d, max_pool3d, pad, softplus

__all__ = ["GROUPS", "CycleNetwork", "FaceOperators", "residual_reduction"]

TWICE = (1, 2)  # levels, 0 being the finest, that a W-cycle visits twice
GROUPS = 3  # groups of levels with numbers of their own: the finest, the next, and all others
COARSEST = 150  # most cells of a grid on which the system is solved directly
TINY = 1e-12  # smaller than every coupling, the largest being 1


@dataclass(frozen=True, eq=False)
class FaceOperators:
    """Batch of operators that couple cells across faces.

    Parameters
    ----------
    faces : list of Tensor
        Couplings between neighbours along each axis, of shape ``(batch, ..., n - 1, ...)``.
    walls : Tensor
        Couplings to walls, of shape ``(batch, *grid)``.
    """

    faces: list[Tensor]
    walls: Tensor

    @property
    def diagonal(self) -> Tensor:
        """Diagonal entries."""
        return self.walls + sum((self.around(axis).sum(0) for axis in range(len(self.faces))), torch.zeros(()))

    def around(self, axis: int) -> Tensor:
        """Return the couplings to the cells before and behind along an axis, ``(2, batch, *grid)``."""
        return torch.stack([_padded(self.faces[axis], axis, 1, 0), _padded(self.faces[axis], axis, 0, 1)])

    def multiply(self, x: Tensor) -> Tensor:
        """Return the product."""
        out = self.walls * x
        for axis, along in enumerate(self.faces):
            flux = along * x.diff(dim=axis + 1)
            out = out - _padded(flux, axis, 1, 1).diff(dim=axis + 1)
        return out


class CycleNetwork(torch.nn.Module):
    """Learned parameters: numbers for each group of levels, and optionally a network for fields that vary on a level.

    Parameters
    ----------
    dimension : int
    width : int
        Channels of the network; 0 for no network.
    visits : int
        Visits per cycle to the second and third grid, 1 or 2.
    """

    def __init__(self, dimension: int, width: int, visits: int = 1):
        super().__init__()
        self.dimension, self.width, self.visits = dimension, width, visits
        self.rates = torch.nn.Parameter(torch.tensor([[-1.5, 0.0]] * GROUPS))
        self.spread = torch.nn.Parameter(torch.full((GROUPS,), math.log(math.expm1(dimension / 2))))
        self.scale = torch.nn.Parameter(torch.zeros(GROUPS))
        self.mix = torch.nn.Parameter(torch.zeros(GROUPS))
        self.distance = torch.nn.Parameter(torch.tensor(math.log(math.expm1(0.5))))
        if width:
            features, taps = 4 * dimension + 2, 2 * dimension + 1
            sizes = [features * taps, width * taps, width], [width, width, 2 + 2 * dimension]
            layers = [torch.nn.Linear(a, b) for a, b in zip(*sizes, strict=True)]
            with torch.no_grad():  # the initial fields are close to the numbers
                layers[-1].weight *= 0.1
                layers[-1].bias.zero_()
                layers[-1].bias[0] = 3.0
            self.layers = torch.nn.ModuleList(layers)

    def smoothing_rates(self) -> Tensor:
        """Return the rates of the two smoothing steps in each group.

        The eigenvalues of D^-1 A lie in (0, 2]. For every t there, ``q(t) = (1 - w t)(1 - v t)`` lies within (-1, 1),
        so smoothing reduces every error.
        """
        w = 0.5 + 0.45 * torch.sigmoid(self.rates[:, 0])
        largest = torch.minimum(w / (2 * w - 1), 5.8 * w)
        return torch.stack([w, 0.98 * largest * torch.sigmoid(self.rates[:, 1])], 1)

    def numbers(self) -> dict[str, Tensor]:
        """Return the numbers in the range in which the cycle uses them."""
        return {
            "rates": self.smoothing_rates(),
            "spread": softplus(self.spread),
            "scale": torch.exp(self.scale),
            "mix": torch.sigmoid(self.mix),
            "distance": softplus(self.distance)[None],
        }

    def cycle(self, operators: FaceOperators) -> _LevelCycle | _CoarsestCycle:
        """Return the cycle for a batch of operators, as a function of the right-hand side."""
        return self._level(operators, 0, self.numbers())

    def _level(self, operators: FaceOperators, number: int, numbers: dict[str, Tensor]) -> _LevelCycle | _CoarsestCycle:
        if math.prod(operators.walls.shape[1:]) <= COARSEST:
            return _CoarsestCycle(operators)
        group = min(number, GROUPS - 1)
        series, parallel, walls, evenness = merge(operators, numbers["distance"])
        mix, scale = numbers["mix"][group], numbers["scale"][group]
        damping, spread = torch.ones(()), numbers["spread"][group]
        pairs = list(zip(series, parallel, strict=True))
        if self.width:
            out, d = self._outputs(series, parallel, walls, evenness), self.dimension
            damping, spread = _expand(torch.sigmoid(out[:, 0])), _expand(2 * torch.sigmoid(out[:, 1])) * spread
            faces = list[Tensor]()
            for axis, (h, p) in enumerate(pairs):
                share = torch.sigmoid(_inner(out[:, 2 + axis], axis) + self.mix[group])
                size = torch.exp(torch.tanh(_inner(out[:, 2 + d + axis], axis)))
                faces.append(size * scale * (share * h + (1 - share) * p))
        else:
            faces = [scale * (mix * h + (1 - mix) * p) for h, p in pairs]
        below = self._level(FaceOperators(faces, walls), number + 1, numbers)
        visits = self.visits if number + 1 in TWICE else 1
        return _LevelCycle(operators, below, visits, numbers["rates"][group], damping, spread)

    def _outputs(self, series: list[Tensor], parallel: list[Tensor], walls: Tensor, evenness: Tensor) -> Tensor:
        whole = FaceOperators(parallel, walls)
        total = whole.diagonal + TINY
        channels = [walls / total, evenness.clamp_min(0) ** 0.25]
        for axis, (h, p) in enumerate(zip(series, parallel, strict=True)):
            ratio = h / (p + TINY)
            for before, behind in ((1, 0), (0, 1)):
                channels += [_padded(p, axis, before, behind) / total, _padded(ratio, axis, before, behind)]
        x = torch.stack(channels, 1)
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, torch.nn.Linear)
            if number < 2:
                x = torch.cat(
                    [x, *(_neighbour(x, axis, step) for axis in range(self.dimension) for step in (-1, 1))], 1
                )
            x = torch.einsum("bi...,oi->bo...", x, layer.weight) + layer.bias.reshape(-1, *[1] * self.dimension)
            if number < 2:
                x = torch.relu(x)
        return x


@dataclass(frozen=True, eq=False)
class _LevelCycle:
    operators: FaceOperators
    below: _LevelCycle | _CoarsestCycle
    visits: int
    rates: Tensor
    damping: Tensor
    spread: Tensor

    def __call__(self, rhs: Tensor) -> Tensor:
        A = self.operators.multiply
        diagonal = self.operators.diagonal
        inverse = torch.where(diagonal > 0, 1.0 / diagonal.clamp_min(TINY), 0.0)
        smoother, spread = inverse * self.damping, inverse * self.spread
        used = (diagonal > 0).to(rhs.dtype)
        first, second = self.rates
        x = first * smoother * rhs
        x = x + second * smoother * (rhs - A(x))
        r = rhs - A(x)
        coarse = _merged(r - A(spread * r))
        correction = self.below(coarse)
        if self.visits == 2 and isinstance(self.below, _LevelCycle):
            correction = correction + self.below(coarse - self.below.operators.multiply(correction))
        z = used * _expand(correction)
        x = x + z - spread * A(z)
        x = x + second * smoother * (rhs - A(x))
        return x + first * smoother * (rhs - A(x))


class _CoarsestCycle:
    """Direct solution on the coarsest grid."""

    def __init__(self, operators: FaceOperators):
        batch, *grid = operators.walls.shape
        size = math.prod(grid)
        units = torch.eye(size).reshape(size, 1, *grid)
        columns = torch.stack([operators.multiply(unit.expand(batch, *grid)).reshape(batch, size) for unit in units], 2)
        diagonal = torch.diagonal(columns, dim1=1, dim2=2)
        lift = torch.where(diagonal > 0, 1e-7 * diagonal, 1.0)
        self._factor = torch.linalg.cholesky(columns.double() + torch.diag_embed(lift.double()))

    def __call__(self, rhs: Tensor) -> Tensor:
        flat = rhs.reshape(rhs.shape[0], -1, 1).double()
        return torch.cholesky_solve(flat, self._factor).to(rhs.dtype).reshape(rhs.shape)


def merge(operators: FaceOperators, distance: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
    """Return the fields of `ritz.solvers.multigrid.learned.face_grid.MergedCouplings`, for even numbers of cells."""
    series, parallel = list[Tensor](), list[Tensor]()
    dimension = len(operators.faces)
    strongest = torch.zeros_like(operators.walls)
    for axis, along in enumerate(operators.faces):
        crossed, inner = _every_other(along, axis, 1), _every_other(along, axis, 0)
        low, high = (
            inner.narrow(axis + 1, 0, crossed.shape[axis + 1]),
            inner.narrow(axis + 1, 1, crossed.shape[axis + 1]),
        )
        low, high = torch.where(low > 0, low, crossed), torch.where(high > 0, high, crossed)
        open_faces = crossed > 0
        low, across, high = (torch.where(open_faces, values, 1.0) for values in (low, crossed, high))
        path = torch.where(open_faces, 1 / (0.5 / low + 1 / across + 0.5 / high), 0.0)
        half = 0.5 * crossed
        for other in range(dimension):
            if other != axis:
                path, half = (_every_other(v, other, 0) + _every_other(v, other, 1) for v in (path, half))
        series.append(path)
        parallel.append(half)
        strongest = torch.maximum(strongest, operators.around(axis).amax(0))
    nearest = operators.walls * strongest / (strongest + distance * operators.walls + TINY)
    walls = _merged(torch.where(strongest > 0, nearest, operators.walls))
    diagonal = operators.diagonal.detach()
    largest = _pooled(diagonal, dimension)
    smallest = -_pooled(torch.where(diagonal > 0, -diagonal, -math.inf), dimension)
    return series, parallel, walls, torch.where(largest > 0, smallest / largest.clamp_min(TINY), 0.0)


def residual_reduction(network: CycleNetwork, operators: FaceOperators, rhs: Tensor, steps: int) -> Tensor:
    """Return the mean logarithm of the residual reduction by `steps` of preconditioned conjugate gradients."""
    M, axes = network.cycle(operators), tuple(range(1, rhs.ndim))
    r, start = rhs, rhs.square().sum(axes, keepdim=True)
    z = M(r)
    p, rho = z, (r * z).sum(axes, keepdim=True)
    for step in range(steps):
        q = operators.multiply(p)
        r = r - rho / ((p * q).sum(axes, keepdim=True) + TINY) * q
        if step + 1 < steps:
            z = M(r)
            previous, rho = rho, (r * z).sum(axes, keepdim=True)
            p = z + rho / (previous + TINY) * p
    return 0.5 * torch.log(r.square().sum(axes) / start.reshape(-1) + 1e-20).mean()


def _padded(x: Tensor, axis: int, before: int, behind: int) -> Tensor:
    widths = [0, 0] * (x.ndim - 2 - axis) + [before, behind]
    return pad(x, widths)


def _inner(x: Tensor, axis: int) -> Tensor:
    """Return all but the last layer along an axis of the grid."""
    return x.narrow(axis + 1, 0, x.shape[axis + 1] - 1)


def _every_other(x: Tensor, axis: int, start: int) -> Tensor:
    index: list[slice] = [slice(None)] * (axis + 1) + [slice(start, None, 2)]
    return x[tuple(index)]


def _neighbour(x: Tensor, axis: int, step: int) -> Tensor:
    """Return the channels of the neighbour one step along an axis, with zeros outside the grid."""
    cells = x.shape[axis + 2]
    kept = x.narrow(axis + 2, max(step, 0), cells - 1)
    return _padded(kept, axis + 1, max(-step, 0), max(step, 0))


def _expand(x: Tensor) -> Tensor:
    for axis in range(1, x.ndim):
        x = x.repeat_interleave(2, axis)
    return x


def _merged(x: Tensor) -> Tensor:
    dimension = x.ndim - 1
    pool = avg_pool2d if dimension == 2 else avg_pool3d
    return 2**dimension * pool(x[:, None], 2)[:, 0]


def _pooled(x: Tensor, dimension: int) -> Tensor:
    pool = max_pool2d if dimension == 2 else max_pool3d
    return pool(x[:, None], 2)[:, 0]
