"""Systems of PDEs: several fields on one box, coupled point by point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_plain
from ritz.pickling import Picklable
from ritz.problem_types.evolution.evolution import Evolution, check_times
from ritz.problem_types.evolution.semi_discretisation import SemiDiscretisation, semi_discretise
from ritz.problem_types.pde.fields import at_time, evaluate
from ritz.problem_types.pde.pde import PDE

__all__ = ["PDESystem"]

OFFSET = 6e-6  # relative offset of central differences


@dataclass(frozen=True, eq=False)
class PDESystem(Picklable):
    """Equations for several fields: ``L_i u_i + r_i(u_1, u_2, ...) = f_i``, one `PDE` for each and their coupling.

    Every left-hand side gains ``du_i/dt``: ``ritz.solve(system, times=...)`` follows the fields in time from their
    initial values.

    Parameters
    ----------
    fields : mapping from str to PDE
        The equation of each field without the coupling. All have the same domain, and conditions that put their
        unknowns in the same places.
    coupling : mapping from str to callable
        ``r(u_1, u_2, ...)`` for some or all fields: functions of one array for each field, in the order of `fields`,
        that act point by point.
    name : str

    Raises
    ------
    InvalidProblem
        Naming the field whose equation does not fit, or the coupling that cannot be called.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> square = [(0.0, 1.0), (0.0, 1.0)]
    >>> def spread(rate, start):
    ...     return ritz.PDE(square, {(2, 0): -rate, (0, 2): -rate}, conditions="neumann", initial=start)
    >>> epidemic = PDESystem(
    ...     {"healthy": spread(1e-3, 1.0), "ill": spread(1e-3, lambda x, y: 0.1 * (x < 0.1))},
    ...     {"healthy": lambda s, i: 5 * s * i, "ill": lambda s, i: i - 5 * s * i},
    ... )
    >>> trajectory = ritz.solve(epidemic, times=[0, 1, 2], shape=32)
    >>> trajectory["ill"].shape
    (3, 1024)
    """

    fields: Mapping[str, PDE]
    coupling: Mapping[str, Callable[..., Any]]
    name: str = ""

    def __post_init__(self):
        if not isinstance(self.fields, Mapping) or not self.fields:
            raise InvalidProblem(f"fields is {self.fields!r}; give a mapping from names to equations")
        for name, pde in self.fields.items():
            if not isinstance(name, str) or not isinstance(pde, PDE):
                raise InvalidProblem(f"fields[{name!r}] is a {type(pde).__name__}; give a PDE for each named field")
        first, *others = self.fields
        for name in others:
            if self.fields[name].domain != self.fields[first].domain:
                raise InvalidProblem(
                    f"the domain of {name} is {self.fields[name].domain}, and that of {first}"
                    f" {self.fields[first].domain}: all fields need the same"
                )
        missing = [name for name, pde in self.fields.items() if pde.initial is None]
        if missing:
            raise InvalidProblem(f"initial is None for {missing}; give it for all fields, which are followed in time")
        if not isinstance(self.coupling, Mapping):
            raise InvalidProblem(f"coupling is {self.coupling!r}; give a mapping from names of fields to functions")
        object.__setattr__(self, "fields", dict(self.fields))
        object.__setattr__(self, "coupling", dict(self.coupling))
        for name, function in self.coupling.items():
            if name not in self.fields:
                raise InvalidProblem(f"coupling names {name!r}; the fields are {list(self.fields)}")
            if not callable(function):
                raise InvalidProblem(f"coupling[{name!r}] is {function!r}; give a function of {', '.join(self.fields)}")
            self._term(name, np.ones((len(self.fields), 2)))

    def evolution(self, times: Any, shape: int | Sequence[int] | None = None) -> Evolution:
        """Return the system discretised in space, at given times; see `ritz.solve` with ``times``.

        Raises
        ------
        InvalidProblem
            If there are no initial values, `times` do not increase, or the unknowns of two fields differ in place.
        """
        found = check_times(times)
        spaces = self.discretise(float(found[0]), shape)
        first = next(iter(spaces.values()))
        steady = {name: space.forcing(float(found[0])) for name, space in spaces.items() if space.steady}

        def forcing(t: float) -> np.ndarray:
            return np.stack([steady[name] if name in steady else space.forcing(t) for name, space in spaces.items()])

        constant = len(steady) == len(spaces)
        return Evolution(
            {name: space.operator for name, space in spaces.items()},
            np.stack([space.initial for space in spaces.values()]),
            found,  # pyright: ignore[reportArgumentType]
            forcing=forcing(float(found[0])) if constant else forcing,
            reaction=lambda t, u: -self.reaction(u),
            jacobian=lambda t, u: -self.jacobian(u),
            mass=first.mass,
            grid=first.grid,
            exact=self._exact(first.grid.coordinates()),
            name=self.name,
        )

    def discretise(self, start: float, shape: int | Sequence[int] | None) -> dict[str, SemiDiscretisation]:
        """Return each equation discretised in space."""
        spaces = {name: semi_discretise(pde, start, shape) for name, pde in self.fields.items()}
        first, *others = spaces
        one = spaces[first]
        for name in others:
            other = spaces[name]
            same = all(
                a.shape == b.shape and np.allclose(a, b) for a, b in zip(one.grid.axes, other.grid.axes, strict=True)
            )
            if not same or (one.mass is None) != (other.mass is None):
                raise InvalidProblem(
                    f"the unknowns of {first} and {name} are not in the same places: give both conditions of the same"
                    " kind on each side, or equations with constant coefficients and no first derivatives"
                )
        return spaces

    def reaction(self, u: np.ndarray) -> np.ndarray:
        """Return the coupling and the reactions of the fields, shape (fields, n)."""
        total = np.zeros(u.shape)
        for row, (name, pde) in enumerate(self.fields.items()):
            if name in self.coupling:
                total[row] = self._term(name, u)
            if pde.reaction is not None:
                total[row] += np.asarray(pde.reaction[0](u[row]))
        return total

    def jacobian(self, u: np.ndarray) -> np.ndarray:
        """Return the derivatives of `reaction`, shape (fields, fields, n), by central differences."""
        columns: list[np.ndarray] = []
        for field in range(len(self.fields)):
            size = OFFSET * max(float(np.abs(u[field]).max()), 1e-100)
            ends = u.copy(), u.copy()
            ends[0][field] -= size
            ends[1][field] += size
            columns.append((self.reaction(ends[1]) - self.reaction(ends[0])) / (2.0 * size))
        return np.stack(columns, axis=1)

    def _term(self, name: str, u: np.ndarray) -> np.ndarray:
        try:
            given = self.coupling[name](*u)
        except TypeError as error:
            raise InvalidProblem(f"coupling[{name!r}] cannot be called with {len(u)} arrays: {error}") from error
        values = as_plain(given, f"what coupling[{name!r}] returns")
        if values.shape not in ((), u.shape[1:]) or values.dtype.kind not in "biuf":
            raise InvalidProblem(
                f"coupling[{name!r}] returns {values.dtype} of shape {values.shape} for arrays of shape {u.shape[1:]};"
                " it must act entry by entry and return real numbers"
            )
        return values

    def _exact(self, points: Sequence[np.ndarray]) -> Callable[[float], np.ndarray] | None:
        if any(pde.exact is None for pde in self.fields.values()):
            return None

        def exact(t: float) -> np.ndarray:
            values = [
                evaluate(f"exact of {name}", at_time(pde.exact, pde.dimension, t), points)
                for name, pde in self.fields.items()
            ]
            return np.stack(values)

        return exact
