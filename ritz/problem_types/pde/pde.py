"""Partial differential equations on a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.arguments import is_integer
from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES, BoundaryLike, Sides, parse_boundary, side_names
from ritz.pickling import Picklable
from ritz.problem_types.linear_system import LinearSystem
from ritz.problem_types.pde.fields import Field, at_time, check_field, evaluate, takes_time

if TYPE_CHECKING:
    from ritz.problem_types.evolution.evolution import Evolution

__all__ = ["PDE", "MultiIndex"]

MultiIndex: TypeAlias = tuple[int, ...]
"""Order of the derivative along each axis; (2, 0) is the second derivative in x."""


@dataclass(frozen=True, eq=False)
class PDE(Picklable):
    """The equation ``sum_a c_a(x) d^a u(x) + r(u(x)) = f(x)`` on a box, with one condition on each side.

    With `initial`, the left-hand side gains ``du/dt``; source, boundary, normal_derivative and exact may then be
    functions of time too, ``f(x, y, t)``, and ``ritz.solve(pde, times=...)`` follows u in time. Functions take one
    NumPy array per axis, ``f(x, y)``, and return an array of the same shape; numbers stand for constant functions.
    Units are up to the user.

    Parameters
    ----------
    domain : sequence of (float, float)
        Lower and upper end of each of one to three axes; in one dimension also a single pair.
    terms : mapping
        Coefficient of each multi-index: ``{(2, 0): -1.0, (0, 2): -1.0, (0, 0): 3.0}`` is ``-u_xx - u_yy + 3 u``. In
        one dimension the keys may be plain orders.
    source : number or function
        Right-hand side f.
    boundary : number or function
        Value of u on the Dirichlet sides.
    conditions : str or mapping or tuple
        Condition on each side, ``"dirichlet"``, ``{"y+": "neumann"}``, ...; see
        `ritz.operators.stencils.boundary.parse_boundary`. ``"open"`` sides have no condition: outflow boundaries, or
        the final time if an axis is time.
    normal_derivative : number or function or mapping
        Outward normal derivative of u on the Neumann sides: one for all of them, or a mapping from side names
        (``"x-"``, ``"y+"``, ...); it is 0 on sides that are left out.
    reaction : pair of functions, optional
        Nonlinear term r in u alone, and its derivative.
    initial : number or function, optional
        Values of u at time 0, for time-dependent problems.
    exact : function, optional
        The solution; any of them if u is determined only up to a constant.
    name : str
        For tables and plots.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong and what would work. Functions are tried on a few points right away.

    Examples
    --------
    >>> bar = PDE((0.0, 1.0), {2: -1.0}, source=2.0, exact=lambda x: x * (1 - x))
    >>> system = bar.discretize(3)
    >>> system.operator.to_dense().tolist()
    [[32.0, -16.0, 0.0], [-16.0, 32.0, -16.0], [0.0, -16.0, 32.0]]
    >>> system.exact.tolist()
    [0.1875, 0.25, 0.1875]
    """

    domain: Sequence[Any]  # a single pair is turned into a tuple of pairs
    terms: Mapping[Any, Field]
    source: Field = 0.0
    boundary: Field = 0.0
    conditions: BoundaryLike = "dirichlet"
    normal_derivative: Field | Mapping[str, Field] = 0.0
    reaction: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None
    initial: Field | None = None
    exact: Callable[..., Any] | None = None
    name: str = ""
    slopes: Mapping[str, Field] = field(init=False, repr=False)
    """Outward normal derivative on each Neumann side."""

    def __post_init__(self):
        set_field: Any = object.__setattr__
        set_field(self, "domain", _check_domain(self.domain))
        set_field(self, "terms", _check_terms(self.terms, self.dimension))
        set_field(self, "conditions", _check_conditions(self.conditions, self.dimension))
        set_field(self, "slopes", self._check_slopes())
        for name in ("source", "boundary", "initial", "exact"):
            value = getattr(self, name)
            if value is not None or name in ("source", "boundary"):
                set_field(self, name, check_field(name, value, self.dimension))
        if self.exact is not None and not callable(self.exact):
            raise InvalidProblem(f"exact is {self.exact!r}; give a function of the coordinates")
        self._check_reaction()
        self._try_functions()

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.domain)

    @cached_property
    def sides(self) -> Sides:
        """Lower and upper condition of each axis."""
        return parse_boundary(self.conditions, self.dimension, open_sides=True)

    def discretize(self, shape: int | Sequence[int], scheme: str = "second-order") -> LinearSystem:
        """Return the linear system of a discretisation on a tensor grid.

        Dirichlet values enter the right-hand side. Nodes on Neumann and open sides are unknowns, and the equation holds
        there too; the second-order scheme halves the equations at Neumann nodes, which keeps symmetric problems
        symmetric. If u is determined only up to a constant, the solution has mean zero over the unknowns.

        Parameters
        ----------
        shape : int or sequence of int
            Unknowns along each axis; one number for all axes.
        scheme : {"second-order", "fourth-order", "chebyshev"}
            Finite differences on uniform nodes, with one-sided formulas of the same order near the ends, or collocation
            with polynomials on Chebyshev-Lobatto nodes (trigonometric polynomials on periodic axes).

        Returns
        -------
        LinearSystem
            `exact` is the solution of the PDE at the unknowns. The operator is `Sparse` for finite differences. For
            collocation it is `Dense` in one dimension, a `KroneckerSum` if every term acts on one axis and varies along
            that axis only, and otherwise a sum of scaled Kronecker products.

        Raises
        ------
        InvalidProblem
            For nonlinear and time-dependent PDEs, derivatives of higher order than the conditions allow, a shape too
            small for the scheme, or inconsistent data if u is determined only up to a constant.
        UnknownName
            For an unknown scheme, with close matches.
        """
        from ritz.problem_types.pde.discretisation import Discretisation

        return Discretisation(self, shape, scheme).system

    def evolution(self, times: Any, shape: int | Sequence[int] | None = None) -> Evolution:
        """Return the equation discretised in space, at given times; see `ritz.solve` with ``times``.

        Raises
        ------
        InvalidProblem
            If there are no initial values, or `times` do not increase.
        """
        from ritz.problem_types.evolution.semi_discretisation import evolution_of

        return evolution_of(self, times, shape)

    def _check_slopes(self) -> dict[str, Field]:
        names = side_names(self.dimension)
        flat = [condition for pair in self.sides for condition in pair]
        neumann = [name for name, condition in zip(names, flat, strict=True) if condition == "neumann"]
        given = self.normal_derivative
        if not isinstance(given, Mapping):
            if not neumann and given != 0.0:
                raise InvalidProblem("normal_derivative is given, and no side is Neumann: set conditions too")
            given = dict.fromkeys(neumann, given)
        wrong = sorted(set(given) - set(neumann))
        if wrong:
            raise InvalidProblem(
                f"normal_derivative names {wrong}; the Neumann sides are {neumann or 'none'} (see conditions)"
            )
        return {
            name: check_field(f"normal_derivative on {name}", given.get(name, 0.0), self.dimension) for name in neumann
        }

    def _check_reaction(self) -> None:
        if self.reaction is None:
            return
        pair = self.reaction
        if not (isinstance(pair, Sequence) and len(pair) == 2 and all(callable(part) for part in pair)):
            raise InvalidProblem(
                "reaction must be a pair of functions of u, the term and its derivative:"
                " (lambda u: u**3, lambda u: 3 * u**2)"
            )
        for name, function in zip(("reaction", "derivative of reaction"), pair, strict=True):
            evaluate(name, function, (np.zeros(2),))

    def _try_functions(self) -> None:
        """Evaluate every function at a few points, to report mistakes early; functions of time, at time 0."""
        lower, upper = np.array(self.domain).T
        inside = tuple((lower + np.array([[0.3], [0.6], [0.7]]) * (upper - lower)).T)
        for index, coefficient in self.terms.items():
            evaluate(f"coefficient of the term {index}", coefficient, inside)
        for name in ("source", "initial", "exact"):
            value = getattr(self, name)
            if value is not None:
                evaluate(name, self._at_start(name, value), inside)
        for number, name in enumerate(side_names(self.dimension)):
            axis, end = divmod(number, 2)
            condition = self.sides[axis][end]
            on_side = tuple(
                np.full(3, self.domain[axis][end]) if other == axis else points for other, points in enumerate(inside)
            )
            if condition == "dirichlet":
                evaluate(f"boundary on side {name}", self._at_start("boundary", self.boundary), on_side)
            elif condition == "neumann":
                evaluate(
                    f"normal_derivative on {name}", self._at_start("normal_derivative", self.slopes[name]), on_side
                )

    def _at_start(self, name: str, value: Field) -> Field:
        if self.initial is None and takes_time(value, self.dimension):
            raise InvalidProblem(f"{name} is a function of time and initial is None: give the values of u at time 0")
        return at_time(value, self.dimension, 0.0) if name != "initial" else value


def _check_domain(domain: Any) -> tuple[tuple[float, float], ...]:
    try:
        ends: Any = np.asarray(domain, dtype=np.float64)
    except (TypeError, ValueError):
        ends = np.empty(0)
    if ends.shape == (2,):
        ends = ends[None]
    if ends.ndim != 2 or ends.shape[1] != 2 or not 1 <= ends.shape[0] <= 3:
        raise InvalidProblem(f"domain is {domain!r}; give a (lower, upper) pair for each of one to three axes")
    pairs = [(float(lower), float(upper)) for lower, upper in ends]
    for name, (lower, upper) in zip(AXES, pairs, strict=False):
        if not (np.isfinite([lower, upper]).all() and lower < upper):
            raise InvalidProblem(f"domain along {name} is ({lower:g}, {upper:g}); the ends must be finite and increase")
    return tuple(pairs)


def _check_terms(terms: Any, dimension: int) -> dict[MultiIndex, Field]:
    if not isinstance(terms, Mapping) or not terms:
        raise InvalidProblem(
            "terms must be a non-empty mapping from multi-indices to coefficients, {(2, 0): -1.0, ...}"
        )
    checked: dict[MultiIndex, Field] = {}
    for given, coefficient in terms.items():
        index: Any = (given,) if is_integer(given) else given
        whole = isinstance(index, tuple) and all(is_integer(order) and order >= 0 for order in index)
        if not whole or len(index) != dimension:
            raise InvalidProblem(
                f"terms has the key {given!r}; in {dimension}-D a multi-index is a tuple of {dimension} orders >= 0"
            )
        index = tuple(int(order) for order in index)
        checked[index] = check_field(f"coefficient of the term {index}", coefficient, dimension)
    if not any(sum(index) for index in checked):
        raise InvalidProblem("terms holds no derivative, so this is not a differential equation")
    return checked


def _check_conditions(conditions: Any, dimension: int) -> Sides:
    try:
        return parse_boundary(conditions, dimension, open_sides=True)
    except TypeError:
        raise InvalidProblem(
            f"conditions is {conditions!r}; give 'dirichlet', 'neumann', 'periodic', 'mixed', 'open' or a mapping from"
            " sides (values go into boundary and normal_derivative)"
        ) from None
