"""Least-squares loss of a PDE and its boundary conditions at random points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import side_names
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE

from .jets import Jet, JetNetwork

__all__ = ["EquationLoss"]


NEGLIGIBLE = 0.01  # size of a source, relative to the operator applied to u, below which it is no scale for residuals
NOISE = 1e4  # phase along an axis, in radians, that no network resolves
STEP = 1e-5  # step of finite differences of the source, relative to the axis


class _SidePoints(NamedTuple):
    """Points on sides with their data, their weights in the mean over a side, and the outward normals."""

    points: np.ndarray
    data: np.ndarray
    shares: np.ndarray
    normals: np.ndarray


class EquationLoss:
    """Weighted sum of the mean squared residuals of the equation and of the condition on each side.

    Points are drawn once, by Latin hypercube sampling: independent points leave gaps in which a network is free to
    oscillate. The residual of the equation is relative to the root mean square of the source. Residuals of conditions
    are relative to the size of u, estimated from the Dirichlet data and from the source divided by the gain of the
    operator for a wave of the same frequency as the source.

    Parameters
    ----------
    pde : PDE
        PDE with derivatives up to second order.
    points : int
        Number of points inside.
    side_points : int
        Number of points on each side.
    boundary_weight : float
        Factor of the squared residuals of the boundary conditions.
    dtype : torch dtype
    generator : numpy Generator

    Attributes
    ----------
    size : float
        Estimated size of u.
    """

    def __init__(
        self,
        pde: PDE,
        points: int,
        side_points: int,
        boundary_weight: float,
        dtype: torch.dtype,
        generator: np.random.Generator,
    ):
        _check(pde)
        self._pde, self._dtype, self._weight = pde, dtype, boundary_weight
        lower, upper = np.array(pde.domain).T
        inside = lower + (upper - lower) * _latin_hypercube(points, pde.dimension, generator)
        values = {index: evaluate("coefficient", c, tuple(inside.T)) for index, c in pde.terms.items()}
        source = evaluate("source", pde.source, tuple(inside.T))
        lengths = upper - lower
        held, sloped = self._draw_sides(pde, side_points, generator)
        strength = _strength(pde, values, inside, source)
        self.size = max(_rms(held.data), _rms(source) / strength) or 1.0
        self._source_size = max(_rms(source), NEGLIGIBLE * self.size * strength)
        self._held = self._conditions(held, self.size)
        self._sloped = self._conditions(sloped, self.size / lengths[np.abs(sloped.normals).argmax(axis=1)])
        self._inside, self._source = self._tensor(inside), self._tensor(source)
        self._coefficients = {index: self._tensor(c) for index, c in values.items()}
        self._directions, self._places = self._along(pde)
        self._axes = self._tensor(np.eye(pde.dimension))

    def __call__(self, network: JetNetwork) -> torch.Tensor:
        """Return the weighted sum of mean squares."""
        total = sum((residual(network, points) ** 2).sum() for residual, points in self.parts())
        assert isinstance(total, torch.Tensor)
        return total

    def parts(self) -> list[tuple[Callable[[Any, Any], torch.Tensor], Any]]:
        """Return the residual functions whose squares sum to the loss, each with its points."""
        parts: list[tuple[Callable[[Any, Any], torch.Tensor], Any]] = [
            (self._equation, (self._inside, self._source, tuple(self._coefficients.values())))
        ]
        for condition, held in ((self._held, self._value), (self._sloped, self._slope)):
            if len(condition[0]):
                parts.append((held, condition))
        return parts

    def _equation(self, network: Any, points: Any) -> torch.Tensor:
        inside, source, coefficients = points
        jet = network(inside.reshape(-1, inside.shape[-1]), self._directions)
        terms = zip(self._coefficients, coefficients, strict=True)
        left: Any = sum(c * self._derivative(jet, index) for index, c in terms)
        if self._pde.reaction is not None:
            left = left + _Pointwise.apply(jet.value[..., 0], *self._pde.reaction)
        return (left - source) / (self._source_size * len(self._inside) ** 0.5)

    def _value(self, network: Any, points: Any) -> torch.Tensor:
        place, data, scale, _ = points
        value = network(place.reshape(-1, place.shape[-1]), self._axes[:0]).value[..., 0]
        return scale * (value - data)

    def _slope(self, network: Any, points: Any) -> torch.Tensor:
        place, data, scale, normals = points
        first = network(place.reshape(-1, place.shape[-1]), self._axes).first[..., 0]
        return scale * ((first * normals.reshape(-1, normals.shape[-1]).T).sum(dim=0) - data)

    def _draw_sides(self, pde: PDE, count: int, generator: np.random.Generator) -> tuple[_SidePoints, _SidePoints]:
        """Return points and data on the Dirichlet sides and on the Neumann sides."""
        empty = _SidePoints(np.zeros((0, pde.dimension)), np.zeros(0), np.zeros(0), np.zeros((0, pde.dimension)))
        found = {"dirichlet": [empty], "neumann": [empty]}
        lower, upper = np.array(pde.domain).T
        count = count if pde.dimension > 1 else 1
        for number, name in enumerate(side_names(pde.dimension)):
            axis, end = divmod(number, 2)
            condition = pde.sides[axis][end]
            if condition not in found:
                continue
            points = lower + (upper - lower) * _latin_hypercube(count, pde.dimension, generator)
            points[:, axis] = pde.domain[axis][end]
            field = pde.boundary if condition == "dirichlet" else pde.slopes[name]
            normals = np.zeros_like(points)
            normals[:, axis] = 1 if end else -1
            data = evaluate(f"data on {name}", field, tuple(points.T))
            found[condition].append(_SidePoints(points, data, np.full(count, 1.0 / count), normals))
        held, sloped = (_SidePoints(*map(np.concatenate, zip(*sides, strict=True))) for sides in found.values())
        return held, sloped

    def _conditions(self, side: _SidePoints, unit: Any) -> tuple[torch.Tensor, ...]:
        scale = np.sqrt(self._weight * side.shares) / unit
        return tuple(map(self._tensor, (side.points, side.data, scale, side.normals)))

    def _along(self, pde: PDE) -> tuple[torch.Tensor, dict[Any, int]]:
        """Return the directions of derivatives; mixed derivatives also need the sum of their axes."""
        directions: dict[Any, int] = {}
        for index in pde.terms:
            axes = [axis for axis, order in enumerate(index) for _ in range(order)]
            for key in [(axis,) for axis in axes] + ([tuple(axes)] if len(set(axes)) == 2 else []):
                directions.setdefault(key, len(directions))
        rows = [np.eye(pde.dimension)[list(key)].sum(axis=0) for key in directions]
        return self._tensor(np.array(rows)), directions

    def _derivative(self, jet: Jet, index: tuple[int, ...]) -> torch.Tensor:
        axes = tuple(axis for axis, order in enumerate(index) for _ in range(order))
        if not axes:
            return jet.value[..., 0]
        if len(axes) == 1:
            return jet.first[self._places[axes], ..., 0]
        along = [jet.second[self._places[(axis,)], ..., 0] for axis in axes]
        if axes[0] == axes[1]:
            return along[0]
        return 0.5 * (jet.second[self._places[axes], ..., 0] - along[0] - along[1])

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values, dtype=self._dtype)


class _Pointwise(torch.autograd.Function):
    """Pointwise function of NumPy arrays with its derivative, for use in torch and under vmap."""

    @staticmethod
    def forward(u: torch.Tensor, function: Any, slope: Any) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        values = u.detach().numpy()
        return torch.as_tensor(np.broadcast_to(function(values), values.shape).copy(), dtype=u.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        u, _, ctx.slope = inputs
        ctx.save_for_backward(u)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (u,) = ctx.saved_tensors
        return gradients[0] * _Pointwise.apply(u, ctx.slope, None), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], u: torch.Tensor, function: Any, slope: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Pointwise.apply(u, function, slope), in_dims[0]


def _check(pde: PDE) -> None:
    high = [index for index in pde.terms if sum(index) > 2]
    if high:
        raise InvalidProblem(
            f"the terms {high} are of order above 2, which these networks do not compute: use 'chebyshev' on"
            " periodic axes, or introduce the Laplacian as an unknown of its own"
        )
    if pde.initial is not None:
        raise InvalidProblem(
            "a PDE with initial values depends on time: make time an axis of its own, Dirichlet at its start and open"
            " at its end"
        )


def _strength(pde: PDE, values: Mapping[Any, np.ndarray], inside: np.ndarray, source: np.ndarray) -> float:
    """Return the gain of the operator for a wave that varies as fast as the source."""
    rates: list[float] = []
    for axis, (lower, upper) in enumerate(pde.domain):
        step = STEP * (upper - lower)
        moved = inside.copy()
        moved[:, axis] += np.where(moved[:, axis] + step > upper, -step, step)
        change = _rms(evaluate("source", pde.source, tuple(moved.T)) - source)
        rate = change / (step * (_rms(source) or 1.0))
        if rate * (upper - lower) > NOISE:  # the source is rounding
            rate = 0.0
        rates.append(max(rate, 1.0 / (upper - lower)))
    return float(
        sum(np.abs(c).mean() * np.prod(np.array(rates) ** np.array(index)) for index, c in values.items() if sum(index))
    )


def _latin_hypercube(count: int, dimension: int, generator: np.random.Generator) -> np.ndarray:
    """Return points in the unit cube, shape (count, dimension)."""
    slices = np.tile(np.arange(count)[:, None], (1, dimension))
    return (generator.permuted(slices, axis=0) + generator.uniform(size=slices.shape)) / count


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0
