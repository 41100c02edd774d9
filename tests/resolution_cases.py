"""PDEs with known solutions from smooth to rough and from resolved to hopeless, for tests of error estimates.

Every third case (`Case.set_aside`) was not looked at when the constants of the estimates were chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz import PDE
from ritz.problems.pdes.manufactured import from_exact

LAPLACE = {(2, 0): -1.0, (0, 2): -1.0}


@dataclass(frozen=True)
class Case:
    """A PDE, its solution, and whether it is kept for judging only."""

    name: str
    pde: PDE
    exact: Callable[..., Any]
    set_aside: bool


@dataclass(frozen=True)
class Product:
    """A product of functions of one variable, each given with two derivatives."""

    factors: tuple[tuple[Callable[[Any], Any], ...], ...]

    def __call__(self, *coordinates: Any, order: tuple[int, ...] | None = None) -> Any:
        """Return the derivative given by a multi-index, by default the value."""
        total: Any = 1.0
        for factor, x, k in zip(self.factors, coordinates, order or (0,) * len(coordinates), strict=True):
            total = total * factor[k](x)
        return total


def sine(w: float, phase: float = 0.3) -> tuple[Callable[[Any], Any], ...]:
    """sin(w x + phase)"""
    return tuple(lambda x, k=k: w**k * np.sin(w * x + phase + k * np.pi / 2) for k in range(3))


def chirp(a: float) -> tuple[Callable[[Any], Any], ...]:
    """sin(a x^2)"""
    return (
        lambda x: np.sin(a * x**2),
        lambda x: 2 * a * x * np.cos(a * x**2),
        lambda x: 2 * a * np.cos(a * x**2) - 4 * a**2 * x**2 * np.sin(a * x**2),
    )


def front(width: float, place: float = 0.41) -> tuple[Callable[[Any], Any], ...]:
    """tanh((x - place) / width)"""

    def t(x: Any) -> Any:
        return np.tanh((x - place) / width)

    return t, lambda x: (1 - t(x) ** 2) / width, lambda x: -2 * t(x) * (1 - t(x) ** 2) / width**2


def layer(width: float) -> tuple[Callable[[Any], Any], ...]:
    """1 + exp(-x / width)"""
    return (
        lambda x: 1 + np.exp(-x / width),
        lambda x: -np.exp(-x / width) / width,
        lambda x: np.exp(-x / width) / width**2,
    )


def bump(width: float, place: float = 0.57) -> tuple[Callable[[Any], Any], ...]:
    """1 / (1 + ((x - place) / width)^2), the function of Runge"""

    def s(x: Any) -> Any:
        return (x - place) / width

    return (
        lambda x: 1 / (1 + s(x) ** 2),
        lambda x: -2 * s(x) / (1 + s(x) ** 2) ** 2 / width,
        lambda x: (6 * s(x) ** 2 - 2) / (1 + s(x) ** 2) ** 3 / width**2,
    )


def cases() -> Iterator[Case]:
    """Return all cases; random parameters are the same every time."""
    for number, (name, pde, exact) in enumerate(_all()):
        yield Case(name, pde, exact, number % 3 == 2)


def _all() -> Iterator[tuple[str, PDE, Callable[..., Any]]]:
    random = np.random.default_rng(1956)

    def between(low: float, high: float) -> float:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))

    for _ in range(9):
        w = between(3, 3000)
        yield _line(f"sine {w:.0f}", sine(w), {2: -1.0})
        a = between(3, 1000)
        yield _line(f"chirp {a:.0f}", chirp(a), {2: -1.0, 1: 1.0})
        width = between(1e-3, 0.5)
        yield _line(f"front {width:.1e}", front(width), {2: -1.0, 0: lambda x: 1 + x})
        width = between(1e-3, 0.5)
        yield _line(f"bump {width:.1e}", bump(width), {2: lambda x: -1 - x**2, 1: lambda x: -2 * x})
        w = between(3, 600)
        yield _line(f"sine with a slope {w:.0f}", sine(w), {2: -1.0}, {"x+": "neumann"})
        w = 2 * np.pi * round(between(1, 300))
        yield _line(f"periodic sine {w:.0f}", sine(w), {2: -1.0, 0: 1.0}, "periodic")
        width = between(1e-3, 0.2)
        yield _line(f"cubic layer {width:.1e}", layer(width), {2: -1.0}, reaction=(lambda u: u**3, lambda u: 3 * u**2))
    for exponent in range(1, 7):
        yield _advected(10.0**-exponent)
        yield _reacting(10.0**-exponent)
    for jump in (0.21, 1 / 3, 0.5, 0.7351):
        for ratio in (10.0, 1000.0):
            yield _jump(jump, ratio)
    for _ in range(6):
        w, v = between(3, 400), between(3, 400)
        yield _square(f"sines {w:.0f} {v:.0f}", Product((sine(w), sine(v, 1.0))), LAPLACE)
        w, v = between(3, 100), between(3, 100)
        coupled = {**LAPLACE, (1, 1): 0.5, (0, 0): lambda x, y: x * y}
        yield _square(f"coupled sines {w:.0f} {v:.0f}", Product((sine(w), sine(v, 1.0))), coupled)
        width, v = between(1e-2, 0.3), between(3, 30)
        yield _square(
            f"front and sine {width:.1e} {v:.0f}", Product((front(width), sine(v))), LAPLACE, {"y+": "neumann"}
        )
        width, v = between(1e-3, 0.2), between(3, 30)
        cubic = (lambda u: u**3, lambda u: 3 * u**2)
        exact = Product((layer(width), sine(v)))
        yield _square(f"cubic layer and sine {width:.1e} {v:.0f}", exact, LAPLACE, reaction=cubic)
    for w in (4.0, 9.0, 60.0):
        exact = Product((sine(w), sine(3.0), sine(2.0, 1.0)))
        yield (
            f"cube {w:.0f}",
            from_exact(exact, [(0.0, 1.0)] * 3, {(2, 0, 0): -1.0, (0, 2, 0): -1.0, (0, 0, 2): -1.0}),
            exact,
        )


def _line(name: str, factor: Any, terms: Any, conditions: Any = "dirichlet", **options: Any):
    exact = Product((factor,))
    terms = {(order,): coefficient for order, coefficient in terms.items()}
    return name, from_exact(exact, [(0.0, 1.0)], terms, conditions, **options), exact


def _square(name: str, exact: Product, terms: Any, conditions: Any = "dirichlet", **options: Any):
    return name, from_exact(exact, [(0.0, 1.0), (0.0, 1.0)], terms, conditions, **options), exact


def _advected(epsilon: float) -> tuple[str, PDE, Callable[..., Any]]:
    def exact(x: Any) -> Any:
        return x - (np.exp((x - 1) / epsilon) - np.exp(-1 / epsilon)) / (1 - np.exp(-1 / epsilon))

    return f"advected layer {epsilon:.0e}", PDE((0.0, 1.0), {2: -epsilon, 1: 1.0}, 1.0), exact


def _reacting(epsilon: float) -> tuple[str, PDE, Callable[..., Any]]:
    root = epsilon**0.5

    def exact(x: Any) -> Any:
        return 1 - (np.exp(-x / root) + np.exp((x - 1) / root)) / (1 + np.exp(-1 / root))

    return f"reacting layer {epsilon:.0e}", PDE((0.0, 1.0), {2: -epsilon, 0: 1.0}, 1.0), exact


def _jump(place: float, ratio: float) -> tuple[str, PDE, Callable[..., Any]]:
    """u'' is -1 to the left of the jump and -1 / ratio to the right; u and u' are continuous."""

    def bent(x: Any) -> Any:
        return -0.5 * x**2 + 0.5 * (1 - 1 / ratio) * np.maximum(x - place, 0.0) ** 2

    def exact(x: Any) -> Any:
        return bent(x) - x * bent(1.0)

    def coefficient(x: Any) -> Any:
        return np.where(x < place, -1.0, -ratio)

    return f"jump at {place:.2f} by {ratio:.0f}", PDE((0.0, 1.0), {2: coefficient}, 1.0), exact
