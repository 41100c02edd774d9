"""PDEs with measured, noisy sources, for tests of how often posterior intervals hold the solution.

Every third case (`Measured.set_aside`) was not looked at when the variance was calibrated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz import PDE
from ritz.problem_types.pde.fields import evaluate
from ritz.problems.pdes import gp_hm
from ritz.problems.pdes.manufactured import Wave, from_exact
from ritz.registry import solvers

LAPLACE = {(2, 0): -1.0, (0, 2): -1.0}


@dataclass(frozen=True)
class Measured:
    """A PDE whose source is measured with noise, relative to its root mean square."""

    name: str
    pde: PDE
    exact: Callable[..., Any]
    shape: tuple[int, ...]
    noise: float
    learned: bool
    set_aside: bool

    def coverage(self, draws: int, seed: int = 0) -> float:
        """Return the share of points at which two standard deviations hold the solution, over draws of the noise."""
        generator = np.random.default_rng(seed)
        axes = [np.linspace(lower, upper, n) for (lower, upper), n in zip(self.pde.domain, self.shape, strict=True)]
        source = evaluate("source", self.pde.source, np.meshgrid(*axes, indexing="ij"))
        size = float(np.sqrt(np.mean(source**2))) or float(np.sqrt(np.mean(self.exact(*np.meshgrid(*axes)) ** 2)))
        deviation = self.noise * size
        lower, upper = np.array(self.pde.domain).T
        prepared = solvers["gp"](shape=self.shape, noise="learn" if self.learned else deviation).prepare(self.pde)
        held: list[float] = []
        for _ in range(draws):
            points = lower + (0.02 + 0.96 * generator.uniform(size=(25, len(axes)))) * (upper - lower)
            solution: Any = prepared.solve(source + deviation * generator.standard_normal(self.shape))
            missed = np.abs(solution.mean(points) - self.exact(*points.T))
            held.append(float(np.mean(missed <= 2.0 * solution.standard_deviation(points))))
        return float(np.mean(held))


def measured() -> Iterator[Measured]:
    """Return all cases."""
    for number, (name, pde, exact, shape, noise, learned) in enumerate(_all()):
        yield Measured(name, pde, exact, shape, noise, learned, number % 3 == 2)


def _all() -> Iterator[tuple[str, PDE, Callable[..., Any], tuple[int, ...], float, bool]]:
    for w, noise, learned in ((9.0, 0.1, True), (9.0, 1.0, True), (30.0, 0.3, False), (14.0, 3.0, True)):
        yield from _case(f"line {w:g}", (w,), {(2,): -1.0}, (120,), noise, learned)
    for case, w, noise, learned in (("single_sin", 12, 0.1, True), ("sin_cos", 9, 0.3, True), ("single_sin", 7, 1, 0)):
        yield from _published(f"{case} {w}", gp_hm.allen_cahn_1d(case, frequency=w), (160,), noise, bool(learned))
    for w, v, noise, learned in ((6.0, 4.0, 0.1, True), (11.0, 5.0, 0.5, True), (6.0, 9.0, 2.0, True)):
        yield from _case(f"square {w:g} {v:g}", (w, v), LAPLACE, (40, 40), noise, learned)
    for case, noise in zip(("mixed", "cosines") * 3, (0.1, 0.1, 0.5, 1.0, 0.02, 0.3), strict=True):
        yield from _published(case, gp_hm.allen_cahn_2d(case, frequency=6.0), (60, 60), noise, True)
    for w, v, epsilon, noise in ((5, 4, 0.06, 0.1), (7, 3, 0.2, 0.1), (4, 6, 0.06, 0.5), (6, 6, 0.1, 0.2)):
        terms = {(2, 0): -epsilon, (0, 2): -epsilon}
        yield from _case(f"Allen-Cahn {w} {v}", (w, v), terms, (40, 40), noise, True, reaction=gp_hm.CUBIC)
    for w, epsilon, noise in ((6.0, 0.12, 0.1), (12.0, 0.15, 0.5), (9.0, 0.12, 1.0)):
        yield from _case(f"nonlinear line {w:g}", (w,), {(2,): -epsilon}, (120,), noise, True, reaction=gp_hm.CUBIC)
    for name, pde in (("advection", gp_hm.advection()), ("heat", gp_hm.heat(frequency=9.0))):
        for noise in (0.1, 1.0):
            yield from _published(f"published {name}", pde, (80, 80), noise, True)
    for w, v, speed, noise in ((5.0, 3.0, 1.0, 0.1), (7.0, 4.0, 3.0, 0.3), (4.0, 4.0, 0.5, 0.2)):
        terms = {(1, 0): speed, (0, 1): 1.0}
        conditions = {"x+": "open", "y+": "open"}
        yield from _case(f"advection {w:g} {v:g}", (w, v), terms, (40, 40), noise, True, conditions=conditions)
    for w, v, noise in ((5.0, 3.0, 0.1), (6.0, 5.0, 0.5), (8.0, 2.0, 0.2)):
        terms = {(2, 0): lambda x, y: -1 - x * y, (0, 2): -1.0, (1, 1): 0.5}
        yield from _case(f"coupled {w:g} {v:g}", (w, v), terms, (40, 40), noise, True)
    for noise in (0.1, 1.0):
        terms = {(2, 0, 0): -1.0, (0, 2, 0): -1.0, (0, 0, 2): -1.0}
        yield from _case("cube", (4.0, 3.0, 2.0), terms, (16, 16, 16), noise, True)


def _published(name: str, pde: PDE, shape: Any, noise: float, learned: bool):
    assert pde.exact is not None
    yield f"{name}, noise {noise:g}", pde, pde.exact, shape, noise, learned


def _case(name: str, frequencies: Any, terms: Any, shape: Any, noise: float, learned: bool, **options: Any):
    exact = Wave(frequencies, (0.3, 1.0, 0.7)[: len(frequencies)])
    pde = from_exact(exact, [(0.0, 1.0)] * len(frequencies), terms, **options)
    yield f"{name}, noise {noise:g}", pde, exact, shape, noise, learned
