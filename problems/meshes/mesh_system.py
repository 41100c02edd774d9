"""Systems of finite elements on a mesh, and their solutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Solution

from .assembly import VECTOR, scalar_basis, space_of
from .conditions import values_at
from .reading import TaggedMesh

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MeshSolution", "MeshSpace", "MeshSystem"]


@dataclass(frozen=True, eq=False)
class MeshSpace:
    """What belongs to the unknowns of a system on a mesh.

    Parameters
    ----------
    tagged : TaggedMesh
    equation : str
    order : int
    given : ndarray of bool, shape (N,)
        Which of all coefficients of basis functions are given by conditions.
    values : ndarray, shape (N,)
        Those given; zero elsewhere.
    """

    tagged: TaggedMesh
    equation: str
    order: int
    given: np.ndarray
    values: np.ndarray

    def __getstate__(self) -> dict[str, Any]:
        return {option.name: getattr(self, option.name) for option in fields(self)}  # bases are built anew

    @property
    def components(self) -> int:
        """Number of components of u."""
        return self.tagged.dimension if self.equation in VECTOR else 1

    @cached_property
    def basis(self) -> Any:
        """Basis of u, as scikit-fem has it."""
        return space_of(self.tagged.mesh, self.equation, self.order)

    def coefficients(self, x: Any) -> np.ndarray:
        """Return all coefficients from the unknowns, shape (N,)."""
        full = self.values.copy()
        full[~self.given] = to_numpy(x)
        return full


@dataclass(frozen=True, eq=False)
class MeshSystem(LinearSystem):
    """The `LinearSystem` of the coefficients that no condition gives; its solution is a `MeshSolution`.

    Parameters
    ----------
    space : MeshSpace
        The mesh, the equation and the elements.
    """

    space: MeshSpace | None = None

    def interpret(self, solution: Solution) -> Solution:
        """Return the solution of the system as a function on the mesh."""
        kept = {option.name: getattr(solution, option.name) for option in fields(Solution)}
        return MeshSolution(**kept, space=self.space)


@dataclass(frozen=True, eq=False, repr=False)
class MeshSolution(Solution):
    """A `Solution` that is a function on a mesh; ``x`` holds the coefficients that no condition gives.

    Parameters
    ----------
    space : MeshSpace
    """

    space: MeshSpace | None = None

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Coefficients of the basis functions of u, shape (N,): those computed and those given."""
        return self._space.coefficients(self.x)[: self._space.basis.N]

    @property
    def points(self) -> np.ndarray:
        """Corners of the cells, shape (corners, d)."""
        return self._space.tagged.mesh.p.T

    @property
    def values(self) -> np.ndarray:
        """Values of u at `points`, shape (corners,), or (corners, d) for a vector."""
        numbers = self._space.basis.nodal_dofs
        return self.coefficients[numbers].T if self._space.components > 1 else self.coefficients[numbers[0]]

    @property
    def pressure(self) -> np.ndarray:
        """Pressure of a Stokes flow at `points`, shape (corners,); its mean is 0 if conditions leave it free."""
        if self._space.equation != "stokes":
            raise InvalidProblem(f"pressure is part of the Stokes equations; this is {self._space.equation!r}")
        pressure = self._space.coefficients(self.x)[self._space.basis.N :]
        if self._space.given[self._space.basis.N :].any():
            element = scalar_basis(self._space.tagged.mesh, 1)
            volume = _integral(element, np.ones_like(element.dx))
            pressure = pressure - _integral(element, np.asarray(element.interpolate(pressure))) / volume
        return pressure

    def interpolate(self, points: Any) -> np.ndarray:
        """Return u at points of the mesh.

        Parameters
        ----------
        points : array, shape (P, d)

        Returns
        -------
        ndarray, shape (P,), or (P, d) for a vector

        Raises
        ------
        InvalidProblem
            For a wrong shape, or points outside the mesh.
        """
        space = self._space
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != space.tagged.dimension:
            raise InvalidProblem(f"points have shape {points.shape}; they must be (P, {space.tagged.dimension})")
        try:
            found = space.basis.probes(points.T) @ self.coefficients
        except ValueError:
            raise InvalidProblem("points has points that lie outside the mesh") from None
        return found.reshape(space.components, -1).T if space.components > 1 else found

    def l2_error(self, exact: Callable[..., Any]) -> float:
        """Return the L² norm of ``u - exact``, a function of the coordinates (one array per component of a vector)."""
        basis = self._space.basis
        values = values_at("exact", exact, np.asarray(basis.global_coordinates()), self._space.components)
        return _integral(basis, np.sum((self._field - values) ** 2, axis=0)) ** 0.5

    def h1_error(self, exact: Callable[..., Any], gradient: Callable[..., Any]) -> float:
        """Return the H¹ norm of ``u - exact``.

        Parameters
        ----------
        exact : callable
            As for `l2_error`.
        gradient : callable
            Its derivatives: d arrays; for a vector, row by row, those of the first component first.
        """
        space = self._space
        places = np.asarray(space.basis.global_coordinates())
        d = space.tagged.dimension
        count = d * space.components
        slopes = values_at("gradient", gradient, places, count) if count > 1 else np.asarray(gradient(*places))[None]
        found = np.asarray(space.basis.interpolate(self.coefficients).grad).reshape(slopes.shape)
        return (self.l2_error(exact) ** 2 + _integral(space.basis, np.sum((found - slopes) ** 2, axis=0))) ** 0.5

    def plot(self) -> Figure:
        """Return a matplotlib figure of u on the mesh, or on its surface in 3-D, and of the residual history."""
        from ritz.plotting.mesh_plot import plot_on_mesh

        return plot_on_mesh(self)

    @property
    def _space(self) -> MeshSpace:
        assert self.space is not None
        return self.space

    @property
    def _field(self) -> np.ndarray:
        found = np.asarray(self._space.basis.interpolate(self.coefficients))
        return found if self._space.components > 1 else found[None]


def _integral(basis: Any, values: np.ndarray) -> float:
    return float((values * basis.dx).sum())
