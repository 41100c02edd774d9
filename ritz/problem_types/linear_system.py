"""Linear systems, and sequences of systems with one operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.arguments import check_integer
from ritz.backend import Array, cast, is_torch_array, namespace, numpy_dtype, requires_gradient
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Dense, Operator, Sparse, aslinearoperator
from ritz.operators.foreign_arrays import as_plain
from ritz.operators.nullspace import as_nullspace
from ritz.pickling import Picklable

__all__ = ["LinearSystem", "SystemSequence", "check_vector"]


def check_vector(name: str, values: Any, length: int) -> Array:
    """Return `values` as a floating-point array of shape ``(length,)`` or ``(length, k)``.

    Raises
    ------
    InvalidProblem
        For a wrong shape, sparse arrays, masked, complex or non-numeric entries, half precision, NaN or infinity.
    """
    if not is_torch_array(values):
        values = as_plain(values, name)
    elif str(values.layout) != "torch.strided":
        raise InvalidProblem(f"{name} is a sparse tensor of shape {tuple(values.shape)}; give {name}.to_dense()")
    if values.ndim not in (1, 2) or values.shape[0] != length or (values.ndim == 2 and values.shape[1] == 0):
        raise InvalidProblem(f"{name} has shape {tuple(values.shape)}; it must be ({length},) or ({length}, k)")
    dtype = numpy_dtype(values)
    if dtype.kind in "biu":
        values = values.double() if is_torch_array(values) else values.astype(np.float64)
    elif dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise InvalidProblem(f"{name} has dtype {dtype}; Ritz solves real systems in float32 or float64")
    finite = namespace(values).isfinite(values)
    if not bool(finite.all()):
        count = int((~finite).sum())
        raise InvalidProblem(f"{name} has {count} entries that are NaN or infinite")
    return values


@dataclass(frozen=True, eq=False)
class LinearSystem(Picklable):
    """The system ``A u = f`` for one right-hand side, or for several as columns.

    Parameters
    ----------
    operator : Operator or anything `ritz.operators.aslinearoperator` takes
        Square, shape (n, n).
    rhs : array, shape (n,) or (n, k)
        NumPy or torch array; the solution is of the same kind and on the same device.
    grid : Grid, optional
        Positions of the unknowns.
    exact : array, shape (n,) or (n, k), optional
        Reference solution. For a discretised PDE this is the solution of the *PDE* at the unknowns, which differs from
        the solution of the system by the discretisation error.
    name : str
        For tables and plots.
    nullspace : array, shape (n,) or (n, k), or Nullspace, optional
        Vectors that span the nullspace of a singular operator and of its transpose, such as the rigid motions of an
        elastic body. Solutions are then orthogonal to them, whichever solver is used. Operators find constants on
        regions by themselves.
    expected_solves : int
        Expected number of right-hand sides with this operator; ``auto`` weighs the cost of preparation against it.

    Raises
    ------
    InvalidProblem
        For an empty or non-square operator, a nullspace that is none, wrong shapes, complex or
        half-precision dtypes, NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> system = LinearSystem(np.diag([2.0, 4.0]), np.array([2.0, 2.0]))
    >>> system.size, system.dtype.name
    (2, 'float64')
    """

    operator: Operator
    rhs: Array
    grid: Grid | None = None
    exact: Array | None = None
    name: str = ""
    expected_solves: int = 1
    nullspace: Any = None

    def __post_init__(self):
        if requires_gradient(self.operator):
            raise InvalidProblem("operator requires gradients, which solvers give for rhs only: detach it")
        check_integer("expected_solves", self.expected_solves)
        operator = aslinearoperator(self.operator)
        rows, columns = operator.shape
        if rows == 0:
            raise InvalidProblem("operator is empty (0 x 0): there is nothing to solve")
        if rows != columns:
            raise InvalidProblem(
                f"operator is {rows} x {columns}; a linear system needs as many equations as unknowns"
                " (solve the least-squares problem instead)"
            )
        _check_finite(operator)
        rhs = check_vector("rhs", self.rhs, rows)
        dtype = np.result_type(operator.dtype, numpy_dtype(rhs))
        operator = operator if operator.dtype == dtype else operator.astype(dtype)
        if self.nullspace is not None:
            object.__setattr__(self, "nullspace", as_nullspace(self.nullspace, operator))
            operator = operator.with_nullspace(self.nullspace)
        object.__setattr__(self, "operator", operator)
        object.__setattr__(self, "rhs", cast(rhs, dtype))
        if self.exact is not None:
            object.__setattr__(self, "exact", check_vector("exact", self.exact, rows))
        if self.grid is not None and self.grid.size != rows:
            raise InvalidProblem(f"grid has {self.grid.size} unknowns and the operator {rows}")

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.operator.shape[0]

    @property
    def dtype(self) -> np.dtype:
        """NumPy dtype of operator and right-hand side."""
        return self.operator.dtype

    def astype(self, dtype: Any) -> LinearSystem:
        """Return the same system in another floating-point dtype."""
        return replace(self, operator=self.operator.astype(dtype), rhs=cast(self.rhs, np.dtype(dtype)))

    def with_rhs(self, rhs: Array) -> LinearSystem:
        """Return the system with another right-hand side and no reference solution."""
        return replace(self, rhs=rhs, exact=None)


@dataclass(frozen=True, eq=False)
class SystemSequence(Picklable):
    """Linear systems with one operator, where each right-hand side depends on the previous solutions.

    Parameters
    ----------
    operator : Operator
        Shape (n, n), the same in every step.
    state : object
        Initial state, from which the first right-hand side is computed: a field, or a tuple of fields.
    rhs : callable
        ``rhs(state) -> array (n,)``. It gets a copy of the state.
    advance : callable
        ``advance(state, x) -> state`` after the step with solution `x`. It gets copies, and what it returns is copied.
    steps : int
        Number of systems, at least 1.
    grid : Grid, optional
    name : str
    exact : callable, optional
        ``exact(step) -> array (n,)``, the reference solution after `step` steps.

    Raises
    ------
    InvalidProblem
        If `steps` is not a positive integer.

    Examples
    --------
    Two implicit Euler steps of ``u' = -u`` with step size 1:

    >>> import numpy as np, ritz
    >>> sequence = SystemSequence(aslinearoperator(2.0 * np.eye(1)), np.ones(1), lambda u: u, lambda u, x: x, steps=2)
    >>> ritz.solve(sequence, "cg").x.tolist()
    [0.25]
    """

    operator: Operator
    state: Any
    rhs: Callable[[Any], Array]
    advance: Callable[[Any, Array], Any]
    steps: int
    grid: Grid | None = None
    name: str = ""
    exact: Callable[[int], Array] | None = None

    def __post_init__(self):
        check_integer("steps", self.steps)

    def first(self) -> LinearSystem:
        """Return the first system."""
        rhs = _own(self.rhs(_own(self.state)))
        return LinearSystem(self.operator, rhs, grid=self.grid, name=self.name, expected_solves=self.steps)

    def march(self, answer: Callable[[Array], Array]) -> Iterator[tuple[Any, Array]]:
        """Yield ``(state, x)`` after each step; ``answer(rhs) -> x`` solves the systems."""
        state = _own(self.state)
        for _ in range(self.steps):
            x = answer(self.rhs(_own(state)))
            state = _own(self.advance(state, _own(x)))
            yield state, x


def _own(value: Any) -> Any:
    """Return a copy, because functions may overwrite arrays; the value itself if it cannot be copied."""
    try:
        return deepcopy(value)
    except (TypeError, RuntimeError, NotImplementedError):  # such as tensors of a graph of gradients
        return value


def _check_finite(operator: Operator) -> None:
    if isinstance(operator, Sparse):
        entries = operator.matrix.data
    elif isinstance(operator, Dense):
        entries = operator.matrix
    else:
        return
    finite = np.isfinite(entries)
    if not finite.all():
        raise InvalidProblem(f"operator has {int((~finite).sum())} entries that are NaN or infinite")
