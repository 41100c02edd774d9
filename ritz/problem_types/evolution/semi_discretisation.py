"""Discretisation in space of PDEs with initial values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Operator, Stencil
from ritz.operators.stencils.arguments import grid_shape
from ritz.operators.stencils.boundary import side_names
from ritz.problem_types.evolution.evolution import Evolution, check_times
from ritz.problem_types.pde.discretisation import Discretisation
from ritz.problem_types.pde.fields import at_time, evaluate, takes_time

__all__ = ["SemiDiscretisation", "evolution_of", "semi_discretise"]

PDE: TypeAlias = Any  # ritz.PDE, whose module imports this one

DEFAULT_COUNT = {1: 256, 2: 128, 3: 32}  # unknowns per axis, by dimension
JUMP = 1e-6  # difference of initial and boundary values that is reported, relative to their size


@dataclass(frozen=True, eq=False)
class SemiDiscretisation:
    """A PDE with initial values, discretised in space: ``M du/dt + A u = M f(t)``, and the reaction.

    Parameters
    ----------
    operator : Operator
        A, which is M times the differential operator.
    mass : ndarray or None
        Diagonal of M.
    forcing : callable
        ``forcing(t)``: the source, and what the boundary data add.
    steady : bool
        Whether the forcing does not depend on time.
    initial : ndarray, shape (n,)
    grid : Grid
    """

    operator: Operator
    mass: np.ndarray | None
    forcing: Callable[[float], np.ndarray]
    steady: bool
    initial: np.ndarray
    grid: Grid


def evolution_of(pde: PDE, times: Any, shape: int | Sequence[int] | None = None) -> Evolution:
    """Return a PDE with initial values, discretised in space, at the times asked for.

    Parameters
    ----------
    pde : PDE
        With `initial`.
    times : sequence of float
        The initial time, then increasing.
    shape : int or sequence of int, optional
        Unknowns along each axis; 256, 128 or 32 by default, in one, two or three dimensions.

    Raises
    ------
    InvalidProblem
        If `initial` is None, or `times` do not increase.

    Warns
    -----
    UserWarning
        If initial and boundary values differ where they meet; the message gives the jump.
    """
    found = check_times(times)
    space = semi_discretise(pde, float(found[0]), shape)
    reaction: Any = None
    jacobian: Any = None
    if pde.reaction is not None:
        term, derivative = pde.reaction

        def rate(t: float, u: np.ndarray) -> np.ndarray:
            return -np.asarray(term(u))

        def slope(t: float, u: np.ndarray) -> np.ndarray:
            return -np.broadcast_to(np.asarray(derivative(u), dtype=np.float64), u.shape)

        reaction, jacobian = rate, slope

    exact: Any = None
    if pde.exact is not None:

        def solution(t: float) -> np.ndarray:
            return evaluate("exact", at_time(pde.exact, pde.dimension, t), space.grid.coordinates())

        exact = solution

    return Evolution(
        space.operator,
        space.initial,
        found,  # pyright: ignore[reportArgumentType]
        forcing=_forcing(space),
        reaction=reaction,
        jacobian=jacobian,
        mass=space.mass,
        grid=space.grid,
        exact=exact,
        name=pde.name,
    )


def _forcing(space: SemiDiscretisation) -> Any:
    return space.forcing(0.0) if space.steady else space.forcing


def semi_discretise(pde: PDE, start: float, shape: int | Sequence[int] | None) -> SemiDiscretisation:
    """Return a PDE discretised in space; `start` is the initial time.

    Equations with constant coefficients and second derivatives only are discretised by cell-centred finite volumes,
    for which fast solvers exist, others by finite differences; both are of second order.
    """
    if pde.initial is None:
        raise InvalidProblem("initial is None, so u has no value to start from: PDE(..., initial=...) to use times")
    _warn_of_jumps(pde, start)
    shape = DEFAULT_COUNT[pde.dimension] if shape is None else shape
    cells = grid_shape((shape,) * pde.dimension if np.ndim(shape) == 0 else shape)
    if len(cells) != pde.dimension:
        raise InvalidProblem(f"shape is {shape!r}; give the unknowns along each of {pde.dimension} axes")
    found = _finite_volumes(pde, cells) or _finite_differences(pde, cells)
    initial = evaluate("initial", pde.initial, found.grid.coordinates())
    return replace(found, initial=initial)


def _depends_on_time(pde: PDE) -> bool:
    return any(takes_time(function, pde.dimension) for function in (pde.source, pde.boundary, *pde.slopes.values()))


def _finite_volumes(pde: PDE, cells: tuple[int, ...]) -> SemiDiscretisation | None:
    """Return the discretisation by finite volumes, or None if the equation is of another form."""
    second = [tuple(2 * (axis == other) for other in range(pde.dimension)) for axis in range(pde.dimension)]
    order_zero = (0,) * pde.dimension
    fits = set(pde.terms) <= {*second, order_zero} and not any(callable(value) for value in pde.terms.values())
    shift: Any = pde.terms.get(order_zero, 0.0)
    diffusion: list[Any] = [pde.terms.get(index, 0.0) for index in second]
    if not fits or any(callable(c) or c >= 0 for c in diffusion) or any("open" in pair for pair in pde.sides):
        return None
    lower, upper = np.array(pde.domain).T
    steps = (upper - lower) / cells
    grid = Grid.uniform(cells, steps.tolist(), (lower + steps / 2).tolist())
    operator = Stencil(
        cells,
        spacing=steps.tolist(),
        coefficient=[-c for c in diffusion] if pde.dimension > 1 else -diffusion[0],
        boundary=pde.sides,
        shift=float(shift),
    )
    centres = grid.coordinates()

    def forcing(t: float) -> np.ndarray:
        total = evaluate("source", at_time(pde.source, pde.dimension, t), centres).reshape(cells)
        for number, name in enumerate(side_names(pde.dimension)):
            axis, end = divmod(number, 2)
            condition = pde.sides[axis][end]
            if condition == "periodic":
                continue
            field: Any = pde.boundary if condition == "dirichlet" else pde.slopes[name]
            if field == 0.0:
                continue
            axes = [
                grid.axes[other] if other != axis else np.array([pde.domain[axis][end]]) for other in range(len(cells))
            ]
            values = evaluate(name, at_time(field, pde.dimension, t), np.meshgrid(*axes, indexing="ij"))
            coupling = 2.0 / steps[axis] ** 2 if condition == "dirichlet" else 1.0 / steps[axis]
            layer = tuple([slice(None)] * axis + [slice(-1, None) if end else slice(0, 1)])
            total[layer] += -diffusion[axis] * coupling * values
        return total.ravel()

    return SemiDiscretisation(operator, None, forcing, not _depends_on_time(pde), np.empty(0), grid)


def _finite_differences(pde: PDE, cells: tuple[int, ...]) -> SemiDiscretisation:
    def at(t: float) -> Discretisation:
        frozen = {name: at_time(getattr(pde, name), pde.dimension, t) for name in ("source", "boundary")}
        slopes = {name: at_time(slope, pde.dimension, t) for name, slope in pde.slopes.items()}
        # The term of order zero keeps the boundary data as they are, although constants solve the equation.
        return Discretisation(
            replace(pde, **frozen, normal_derivative=slopes or 0.0, initial=None, exact=None, reaction=_UNUSED), cells
        )

    first = at(0.0)
    system, weights = first.linear_part, first.weights
    mass = weights if weights is not None and (weights != 1.0).any() else None

    def forcing(t: float) -> np.ndarray:
        return at(t).rhs

    return SemiDiscretisation(system.operator, mass, forcing, not _depends_on_time(pde), np.empty(0), first.grid)


def _nothing(u: Any) -> Any:
    return 0.0 * u


_UNUSED = (_nothing, _nothing)  # marks the equation as one whose right-hand side needs no consistency


def _warn_of_jumps(pde: PDE, start: float) -> None:
    """Warn if initial and boundary values differ on a side with Dirichlet conditions."""
    given: Any = pde.initial
    middle = np.meshgrid(*(np.linspace(lower, upper, 17) for lower, upper in pde.domain), indexing="ij")
    level = float(np.abs(evaluate("initial", given, middle)).max())
    largest, place = 0.0, ""
    for number, name in enumerate(side_names(pde.dimension)):
        axis, end = divmod(number, 2)
        if pde.sides[axis][end] != "dirichlet":
            continue
        lines = [np.linspace(lower, upper, 33)[1:-1] for lower, upper in pde.domain]
        lines[axis] = np.array([pde.domain[axis][end]])
        points = np.meshgrid(*lines, indexing="ij")
        inside = evaluate("initial", given, points)
        outside = evaluate("boundary", at_time(pde.boundary, pde.dimension, start), points)
        jumps = np.abs(inside - outside)
        scale = max(level, float(np.abs(outside).max()))
        where = np.unravel_index(int(jumps.argmax()), jumps.shape)
        if jumps[where] > max(largest, JUMP * scale):
            largest = float(jumps[where])
            at = ", ".join(f"{float(axis[where]):.3g}" for axis in points)
            place = f"initial is {inside[where]:.3g} and boundary {outside[where]:.3g} at ({at}) on side {name}"
    if largest:
        warnings.warn(
            f"{place}, a jump of {largest:.3g}: the solution starts with a thin layer, which the first steps resolve"
            " with small sizes and the grid only as it widens",
            UserWarning,
            stacklevel=2,
        )
