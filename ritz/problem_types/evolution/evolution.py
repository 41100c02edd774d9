"""Evolution equations, discretised in space and continuous in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Operator, aslinearoperator
from ritz.operators.foreign_arrays import as_plain
from ritz.pickling import Picklable

__all__ = ["Evolution", "check_times"]


def check_times(times: Any) -> np.ndarray:
    """Return times as a float64 array of at least two increasing numbers.

    Raises
    ------
    InvalidProblem
        Naming the first pair that does not increase.

    Examples
    --------
    >>> check_times([0, 0.5, 2]).tolist()
    [0.0, 0.5, 2.0]
    """
    try:
        found: Any = np.array(times, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or found.size < 2:
        raise InvalidProblem(f"times is {times!r}; give at least two increasing numbers, the first and the last time")
    if not np.isfinite(found).all():
        raise InvalidProblem(f"times holds {found[~np.isfinite(found)][0]}; times must be finite")
    late = np.flatnonzero(np.diff(found) <= 0)
    if late.size:
        place = int(late[0])
        raise InvalidProblem(
            f"times must increase, and times[{place}] = {found[place]:g} is followed by {found[place + 1]:g}"
        )
    return found


@dataclass(frozen=True, eq=False)
class Evolution(Picklable):
    r"""The equations :math:`M\dot u = -A u + M (f(t) + r(t, u))` for one field u or several.

    A is linear and may be stiff: solvers treat it implicitly, with one operator for each field. The reaction r couples
    the fields and may be nonlinear. The state has the shape ``(n,)``, or ``(fields, n)`` if `operators` is a mapping.

    Parameters
    ----------
    operators : Operator or anything `ritz.operators.aslinearoperator` takes, or a mapping from names of fields to them
        A for each field, all of shape (n, n).
    initial : array, shape (n,) or (fields, n), or a mapping from names to arrays
        State at the first time.
    times : sequence of float
        Times at which the state is wanted: the initial time, then increasing.
    forcing : array of the shape of the state, or callable, optional
        f, or ``forcing(t) -> f``.
    reaction : callable, optional
        ``reaction(t, u) -> r``, an array of the shape of the state. It must not change `u`.
    jacobian : callable, optional
        ``jacobian(t, u)``: derivatives of r, as an array of shape ``(n,)`` or ``(fields, fields, n)`` if r acts point
        by point, or else as a SciPy sparse matrix of the flat state. Without it, fully implicit methods form products
        with the Jacobian by differences.
    mass : array, shape (n,), optional
        Positive diagonal of M, the same for each field; the identity if None.
    grid : Grid, optional
        Positions of the unknowns of each field.
    exact : callable, optional
        ``exact(t)``, the solution of the PDE, of the shape of the state.
    name : str
        For tables and plots.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong, before any long computation. Functions are called once, at the first time.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> decay = Evolution(np.eye(1), np.ones(1), times=[0.0, 1.0])
    >>> bool(abs(ritz.solve(decay, rtol=1e-6).x[0] - np.exp(-1.0)) < 1e-6)
    True
    """

    operators: Any
    initial: Any
    times: Sequence[float]
    forcing: Any = None
    reaction: Callable[[float, np.ndarray], Any] | None = None
    jacobian: Callable[[float, np.ndarray], Any] | None = None
    mass: Any = None
    grid: Grid | None = None
    exact: Callable[[float], Any] | None = None
    name: str = ""
    default_rtol: ClassVar[float] = 1e-4
    default_solver: ClassVar[str] = "time-stepping"  # whose options are many, so it is not behind "auto"

    def __post_init__(self):
        set_field: Any = object.__setattr__
        set_field(self, "times", check_times(self.times))
        several = isinstance(self.operators, Mapping)
        if several and not self.operators:
            raise InvalidProblem("operators is an empty mapping; give an operator for each field")
        given: Mapping[Any, Any] = self.operators if several else {"u": self.operators}
        found: dict[str, Operator] = {}
        same: dict[int, Operator] = {}  # fields that share an operator share its factors
        for name, operator in given.items():
            if not isinstance(name, str):
                raise InvalidProblem(f"operators has the key {name!r}; fields have names, which are strings")
            found[name] = same.setdefault(id(operator), aslinearoperator(operator))
        set_field(self, "operators", found)
        set_field(self, "_several", several)
        self._check_operators()
        set_field(self, "initial", self._check_initial())
        if self.mass is not None:
            set_field(self, "mass", self._check_mass())
        if self.grid is not None and self.grid.size != self.size:
            raise InvalidProblem(f"grid has {self.grid.size} unknowns and each operator {self.size}")
        if self.forcing is not None and not callable(self.forcing):
            constant = self.check_state("forcing", self.forcing)
            set_field(self, "forcing", lambda t: constant)
        for name in ("reaction", "jacobian", "exact"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise InvalidProblem(f"{name} is {getattr(self, name)!r}; give a function of t and u")
        if self.jacobian is not None and self.reaction is None:
            raise InvalidProblem("jacobian is given and reaction is None: it is the derivative of the reaction")
        start = float(self.times[0])
        if self.forcing is not None:
            self.check_state("what forcing returns", self.forcing(start))
        if self.reaction is not None:
            self.check_state("what reaction returns", self.reaction(start, self.initial.copy()))

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(self.operators)

    @property
    def size(self) -> int:
        """Number of unknowns of each field."""
        return next(iter(self.operators.values())).shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the state."""
        return (len(self.operators), self.size) if self._several else (self.size,)  # pyright: ignore

    @property
    def is_linear(self) -> bool:
        """Whether there is no reaction."""
        return self.reaction is None

    def slope(self, t: float, u: np.ndarray) -> np.ndarray:
        """Return du/dt without the reaction, ``f(t) - M^-1 A u``, of the shape of `u`."""
        rows = u.reshape(-1, self.size)
        result = np.stack([-(operator @ row) for operator, row in zip(self.operators.values(), rows, strict=True)])
        if self.mass is not None:
            result /= self.mass
        result = result.reshape(u.shape)
        if self.forcing is not None:
            result += self.forcing(t)
        return result

    def rate(self, t: float, u: np.ndarray) -> np.ndarray:
        """Return du/dt."""
        result = self.slope(t, u)
        return result if self.reaction is None else result + self.reaction(t, u)

    def check_state(self, name: str, values: Any) -> np.ndarray:
        """Return `values` as a float64 array of the shape of the state.

        Raises
        ------
        InvalidProblem
            For another shape, entries that are not real, NaN or infinity; the message begins with `name`.
        """
        found = as_plain(values, name)
        if found.dtype.kind not in "biuf":
            raise InvalidProblem(f"{name} has dtype {found.dtype}; it must be real numbers")
        if found.shape != self.shape:
            raise InvalidProblem(f"{name} has shape {found.shape}; the state has shape {self.shape}")
        if not np.isfinite(found).all():
            raise InvalidProblem(f"{name} has {int((~np.isfinite(found)).sum())} entries that are NaN or infinite")
        return found.astype(np.float64)

    def _check_operators(self) -> None:
        sizes = {name: operator.shape for name, operator in self.operators.items()}
        for name, operator in self.operators.items():
            if operator.shape != (self.size, self.size) or self.size == 0:
                raise InvalidProblem(f"operators have the shapes {sizes}; all must be square, of one size above 0")
            if np.dtype(operator.dtype) != np.float64:
                raise InvalidProblem(f"the operator of {name} has dtype {operator.dtype}; time stepping is in float64")

    def _check_initial(self) -> np.ndarray:
        given = self.initial
        if isinstance(given, Mapping):
            if set(given) != set(self.fields):
                raise InvalidProblem(f"initial names {sorted(map(str, given))}; the fields are {list(self.fields)}")
            given = np.stack([np.ravel(as_plain(given[name], f"initial[{name!r}]")) for name in self.fields])
            given = given.reshape(self.shape) if given.size == np.prod(self.shape) else given
        return self.check_state("initial", given)

    def _check_mass(self) -> np.ndarray:
        mass = as_plain(self.mass, "mass")
        if mass.shape != (self.size,) or mass.dtype.kind not in "biuf":
            raise InvalidProblem(f"mass has shape {mass.shape} and dtype {mass.dtype}; it must be {self.size} numbers")
        if not (np.isfinite(mass) & (mass > 0)).all():
            raise InvalidProblem("mass must be positive and finite everywhere")
        return mass.astype(np.float64)
