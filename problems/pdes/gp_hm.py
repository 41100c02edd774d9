"""Equations with high-frequency and multiscale solutions, from the paper by Fang et al. and further ones.

Most of them are test problems of :cite:`FangEtAl2024`. Each function returns a `ritz.PDE` with its exact solution;
boundary data and source follow from it in closed form. Frequencies are in radians per unit length. `GRIDS` maps the
name of each PDE to the number of points along each axis at which methods are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_number, check_seed
from ritz.operators.stencils.boundary import BoundaryLike
from ritz.problem_types.pde.pde import PDE, MultiIndex
from ritz.registry import problems

from .manufactured import from_exact
from .separable import Profile, Separable, bump, chirp, decay, layer, polynomial, product, total, wave

__all__ = [
    "GRIDS",
    "advection",
    "allen_cahn_1d",
    "allen_cahn_2d",
    "heat",
    "helmholtz",
    "poisson_1d",
    "poisson_2d",
    "poisson_3d",
]

GRIDS: Mapping[str, tuple[int, ...]] = {
    "poisson-1d single_sin": (400,),
    "poisson-1d mix_sin": (900,),
    "poisson-1d sin_cos": (400,),
    "poisson-1d x_time_sinx": (900,),
    "poisson-1d x2_add_sinx": (400,),
    "poisson-1d chirp": (400,),
    "poisson-1d bump": (400,),
    "poisson-1d layer": (400,),
    "poisson-1d tones": (400,),
    "poisson-2d sin_sin": (400, 400),
    "poisson-2d sin_add_cos": (200, 200),
    "poisson-2d multiscale": (400, 400),
    "poisson-2d bump": (200, 200),
    "poisson-3d": (64, 64, 64),
    "allen-cahn-1d single_sin": (400,),
    "allen-cahn-1d sin_cos": (400,),
    "allen-cahn-2d mixed": (400, 400),
    "allen-cahn-2d cosines": (80, 80),
    "advection": (200, 200),
    "heat": (200, 200),
    "helmholtz standing": (200, 200),
    "helmholtz plane": (200, 200),
}
"""Number of uniform points along each axis, including both ends."""

TURN = 2 * np.pi
CUBIC = (lambda u: u**3 - u, lambda u: 3 * u**2 - 1)


@problems.register("gp-hm-poisson-1d")
def poisson_1d(
    case: str = "single_sin",
    *,
    frequency: float | None = None,
    width: float | None = None,
    conditions: BoundaryLike = "dirichlet",
    seed: int = 0,
) -> PDE:
    """Poisson's equation on an interval, ``u'' = f``.

    ================  ==============================================  ===========  ==========
    case              u, with its default frequency w or width d      interval     from
    ================  ==============================================  ===========  ==========
    single_sin        sin w x, w = 100                                (0, 2 pi)    the paper
    mix_sin           sin x + sin(w x / 5) / 10 + sin(w x) / 20,      (0, 1)       the paper
                      w = 100
    sin_cos           sin 6x cos w x, w = 100                         (0, 2 pi)    the paper
    x_time_sinx       x sin w x, w = 200                              (0, 2 pi)    the paper
    x2_add_sinx       sin w x - 2 (x - 1/2)^2, w = 500                (0, 1)       the paper
    chirp             sin(3/8 w x^2 + w x / 4), w = 160               (0, 1)       here
    bump              exp(-((x - 0.4) / d)^2 / 2), d = 0.02           (0, 1)       here
    layer             tanh((x - 1/2) / d), d = 0.03                   (0, 1)       here
    tones             twelve random tones up to w = 400               (0, 1)       here
    ================  ==============================================  ===========  ==========

    Parameters
    ----------
    case : str
        Case from the table.
    frequency : float, optional
        Highest frequency w, in radians per unit length; not used by ``bump`` and ``layer``.
    width : float, optional
        Width d of ``bump`` and ``layer``.
    conditions : str or mapping
        Conditions on the sides, see `ritz.PDE`; their data follow from u.
    seed : int
        Seed of the tones.

    Raises
    ------
    UnknownName, InvalidProblem
        Naming the argument.

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.gp_hm.poisson_1d("x2_add_sinx")
    >>> problem.name, ritz.problems.gp_hm.GRIDS[problem.name]
    ('poisson-1d x2_add_sinx', (400,))
    >>> ritz.solve(problem, "chebyshev", shape=398).error(problem.exact) < 1e-9
    True
    """
    w, d = _scale("frequency", frequency, case, _FREQUENCY), _scale("width", width, case, _WIDTH)
    generator = np.random.default_rng(check_seed(seed))
    solutions: dict[str, tuple[float, Callable[[], Profile]]] = {
        "single_sin": (TURN, lambda: wave(w)),
        "mix_sin": (1.0, lambda: total(wave(1.0), wave(w / 5, amplitude=0.1), wave(w, amplitude=0.05))),
        "sin_cos": (TURN, lambda: product(wave(6.0), _cosine(w))),
        "x_time_sinx": (TURN, lambda: product(polynomial(0.0, 1.0), wave(w))),
        "x2_add_sinx": (1.0, lambda: total(wave(w), polynomial(-0.5, 2.0, -2.0))),
        "chirp": (1.0, lambda: chirp(0.375 * w, 0.25 * w)),
        "bump": (1.0, lambda: bump(0.4, d)),
        "layer": (1.0, lambda: layer(0.5, d)),
        "tones": (1.0, lambda: _tones(generator, w)),
    }
    length, solution = solutions[check_choice("case", case, solutions)]
    return _poisson(f"poisson-1d {case}", [(0.0, length)], [(solution(),)], conditions)


@problems.register("gp-hm-poisson-2d")
def poisson_2d(
    case: str = "sin_sin",
    *,
    frequency: float | None = None,
    width: float = 0.05,
    conditions: BoundaryLike = "dirichlet",
) -> PDE:
    """Poisson's equation on a square, ``u_xx + u_yy = f``.

    =============  ===============================================================  ==============  ==========
    case           u, with its default frequency w                                  square          from
    =============  ===============================================================  ==============  ==========
    sin_sin        sin w x sin w y, w = 100                                         (0, 2 pi)^2     the paper
    sin_add_cos    sin 6x cos w x + sin 6y cos w y, w = 20                          (0, 2 pi)^2     the paper
    multiscale     sin w x sin w y + cos 3x sin 2y, w = 100                         (0, 2 pi)^2     here
    bump           exp(-((x - 0.4)^2 + (y - 0.6)^2) / (2 width^2))                  (0, 1)^2        here
                   + sin w x cos(0.6 w y) / 2, w = 100
    =============  ===============================================================  ==============  ==========

    Parameters
    ----------
    case : str
        Case from the table.
    frequency : float, optional
        Frequency w, in radians per unit length.
    width : float
        Width of ``bump``.
    conditions : str or mapping
        Conditions on the sides, see `ritz.PDE`; their data follow from u.

    Raises
    ------
    UnknownName, InvalidProblem
        Naming the argument.

    Examples
    --------
    >>> problem = poisson_2d("sin_add_cos")
    >>> float(problem.exact(0.0, 0.0)), problem.dimension
    (0.0, 2)
    """
    w = _scale("frequency", frequency, case, {"sin_add_cos": 20.0})
    d = check_number("width", width, above=0.0)
    solutions: dict[str, tuple[float, list[tuple[Profile, Profile]]]] = {
        "sin_sin": (TURN, [(wave(w), wave(w))]),
        "sin_add_cos": (TURN, [(product(wave(6.0), _cosine(w)), _ONE), (_ONE, product(wave(6.0), _cosine(w)))]),
        "multiscale": (TURN, [(wave(w), wave(w)), (_cosine(3.0), wave(2.0))]),
        "bump": (1.0, [(bump(0.4, d), bump(0.6, d)), (wave(w, amplitude=0.5), _cosine(0.6 * w))]),
    }
    length, products = solutions[check_choice("case", case, solutions)]
    return _poisson(f"poisson-2d {case}", [(0.0, length)] * 2, products, conditions)


@problems.register("gp-hm-poisson-3d")
def poisson_3d(*, frequency: float = 16.0, conditions: BoundaryLike = "dirichlet") -> PDE:
    """Poisson's equation on a cube, ``Laplace u = f`` on (0, 2 pi)^3.

    ``u = sin(w x) sin(w y) sin(w z) + cos(3x) sin(2y) cos(z)``.

    Parameters
    ----------
    frequency : float
        Frequency w, in radians per unit length.
    conditions : str or mapping
        Conditions on the sides, see `ritz.PDE`; their data follow from u.

    Examples
    --------
    >>> poisson_3d().dimension
    3
    """
    tone = wave(check_number("frequency", frequency, above=0.0))
    products = [(tone, tone, tone), (_cosine(3.0), wave(2.0), _cosine(1.0))]
    return _poisson("poisson-3d", [(0.0, TURN)] * 3, products, conditions)


@problems.register("gp-hm-allen-cahn-1d")
def allen_cahn_1d(case: str = "single_sin", *, frequency: float = 100.0, conditions: BoundaryLike = "dirichlet") -> PDE:
    """Stationary Allen-Cahn equation on an interval, ``u'' + u^3 - u = f`` on (0, 2 pi).

    Parameters
    ----------
    case : {"single_sin", "sin_cos"}
        ``u = sin(w x)`` or ``u = sin(6x) cos(w x)``.
    frequency : float
        Frequency w, in radians per unit length.
    conditions : str or mapping
        Conditions on the sides, see `ritz.PDE`; their data follow from u.

    Raises
    ------
    UnknownName, InvalidProblem
        Naming the argument.

    Examples
    --------
    >>> u, slope = allen_cahn_1d().reaction[0](2.0), allen_cahn_1d().reaction[1](2.0)
    >>> u, slope
    (6.0, 11.0)
    """
    w = check_number("frequency", frequency, above=0.0)
    solutions = {"single_sin": wave(w), "sin_cos": product(wave(6.0), _cosine(w))}
    solution = solutions[check_choice("case", case, solutions)]
    return _allen_cahn(f"allen-cahn-1d {case}", [(0.0, TURN)], [(solution,)], conditions)


@problems.register("gp-hm-allen-cahn-2d")
def allen_cahn_2d(
    case: str = "mixed", *, frequency: float | None = None, conditions: BoundaryLike = "dirichlet"
) -> PDE:
    """Stationary Allen-Cahn equation on the unit square, ``u_xx + u_yy + u^3 - u = f``.

    Parameters
    ----------
    case : {"mixed", "cosines"}
        ``u = g(x) g(y)`` with ``g(s) = sin s + sin(w s / 5) / 10 + cos(w s)``, w = 100 unless given, or
        ``u = sin(w x) cos(w y) + sin(2 pi x) cos(2 pi y)``, w = 40 pi unless given.
    frequency : float, optional
        Frequency w, in radians per unit length.
    conditions : str or mapping
        Conditions on the sides, see `ritz.PDE`; their data follow from u.

    Raises
    ------
    UnknownName, InvalidProblem
        Naming the argument.

    Examples
    --------
    >>> float(allen_cahn_2d().exact(0.0, 0.0))
    1.0
    """
    w = _scale("frequency", frequency, case, {"cosines": 40 * np.pi})
    side = total(wave(1.0), wave(w / 5, amplitude=0.1), _cosine(w))
    solutions = {"mixed": [(side, side)], "cosines": [(wave(w), _cosine(w)), (wave(TURN), _cosine(TURN))]}
    products = solutions[check_choice("case", case, solutions)]
    return _allen_cahn(f"allen-cahn-2d {case}", [(0.0, 1.0)] * 2, products, conditions)


@problems.register("gp-hm-advection")
def advection(
    *, speed: float = 200.0, conditions: BoundaryLike = (("dirichlet", "open"), ("dirichlet", "open"))
) -> PDE:
    """Advection in space and time, ``speed u_x + u_t = 0`` on the unit square, ``u = sin(x - speed t)``.

    Parameters
    ----------
    speed : float
        Speed of advection, positive.
    conditions : str or mapping
        By default u is given only at the initial time (y-) and at the inflow (x-). With ``"dirichlet"`` it is given on
        all four sides, as in the measurements of the paper.

    Examples
    --------
    >>> advection().sides
    (('dirichlet', 'open'), ('dirichlet', 'open'))
    """
    speed = check_number("speed", speed, above=0.0)
    products = [(wave(1.0), _cosine(speed)), (_cosine(1.0), wave(speed, amplitude=-1.0))]
    terms: dict[MultiIndex, Any] = {(1, 0): speed, (0, 1): 1.0}
    return _without_source(from_exact(Separable(products), [(0.0, 1.0)] * 2, terms, conditions, name="advection"))


@problems.register("gp-hm-heat")
def heat(
    *, frequency: float = 50.0, conditions: BoundaryLike = (("dirichlet", "dirichlet"), ("dirichlet", "open"))
) -> PDE:
    """Heat equation in space and time, ``u_t - u_xx / w^2 = 0`` on the unit square.

    ``u = exp(-t) sin(w x) + exp(-t / 25) sin(w x / 5)``.

    Parameters
    ----------
    frequency : float
        Frequency w, in radians per unit length.
    conditions : str or mapping
        By default u is given at the initial time (y-) and at both ends of the bar, but not at the final time (y+).

    Examples
    --------
    >>> heat().terms[(0, 1)], heat().sides[1]
    (1.0, ('dirichlet', 'open'))
    """
    w = check_number("frequency", frequency, above=0.0)
    products = [(wave(w), decay(1.0)), (wave(w / 5), decay(1 / 25))]
    terms: dict[MultiIndex, Any] = {(2, 0): -1.0 / w**2, (0, 1): 1.0}
    return _without_source(from_exact(Separable(products), [(0.0, 1.0)] * 2, terms, conditions, name="heat"))


@problems.register("gp-hm-helmholtz")
def helmholtz(case: str = "standing", *, wavenumber: float = 24 * np.pi, conditions: BoundaryLike = "dirichlet") -> PDE:
    """Helmholtz equation on the unit square, ``u_xx + u_yy + k^2 u = f``.

    Parameters
    ----------
    case : {"standing", "plane"}
        ``u = sin(k x) sin(k y)``, or ``u = sin(k (0.6 x + 0.8 y))``, for which f = 0.
    wavenumber : float
        Wavenumber k, in radians per unit length. The Dirichlet problem is singular if ``k^2 / pi^2`` is a sum of two
        squares of positive integers.
    conditions : str or mapping
        Conditions on the sides, see `ritz.PDE`; their data follow from u.

    Raises
    ------
    UnknownName, InvalidProblem
        Naming the argument.

    Examples
    --------
    >>> round(helmholtz(wavenumber=2.0).terms[(0, 0)])
    4
    """
    k = check_number("wavenumber", wavenumber, above=0.0)
    a, b = 0.6 * k, 0.8 * k
    solutions = {
        "standing": [(wave(k), wave(k))],
        "plane": [(wave(a), _cosine(b)), (_cosine(a), wave(b))],
    }
    products = solutions[check_choice("case", case, solutions)]
    terms = {**_laplacian(2), (0, 0): k**2}
    problem = from_exact(Separable(products), [(0.0, 1.0)] * 2, terms, conditions, name=f"helmholtz {case}")
    return _without_source(problem) if case == "plane" else problem


_FREQUENCY = {"x_time_sinx": 200.0, "x2_add_sinx": 500.0, "chirp": 160.0, "tones": 400.0}
_WIDTH = {"bump": 0.02, "layer": 0.03}
_ONE = polynomial(1.0)


def _scale(name: str, given: float | None, case: str, defaults: Mapping[str, float]) -> float:
    return check_number(name, defaults.get(case, 100.0) if given is None else given, above=0.0)


def _cosine(frequency: float) -> Profile:
    return wave(frequency, phase=0.5 * np.pi)


def _tones(generator: np.random.Generator, highest: float) -> Profile:
    frequencies = generator.uniform(0.02 * highest, highest, 12)
    phases = generator.uniform(0.0, TURN, 12)
    amplitudes = generator.uniform(0.2, 1.0, 12)
    return total(*(wave(w, amplitude=a, phase=p) for w, a, p in zip(frequencies, amplitudes, phases, strict=True)))


def _laplacian(dimension: int) -> dict[MultiIndex, Any]:
    return {tuple(2 * int(other == axis) for other in range(dimension)): 1.0 for axis in range(dimension)}


def _without_source(problem: PDE) -> PDE:
    """Return the PDE with source zero instead of a source of rounding errors."""
    return replace(problem, source=0.0)


def _poisson(
    name: str, domain: list[tuple[float, float]], products: Sequence[Sequence[Profile]], conditions: BoundaryLike
) -> PDE:
    return from_exact(Separable(products), domain, _laplacian(len(domain)), conditions, name)


def _allen_cahn(
    name: str, domain: list[tuple[float, float]], products: Sequence[Sequence[Profile]], conditions: BoundaryLike
) -> PDE:
    return from_exact(Separable(products), domain, _laplacian(len(domain)), conditions, name, CUBIC)
