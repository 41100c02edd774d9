"""Solutions of evolution equations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.arguments import check_number
from ritz.errors import ConvergenceError, InvalidProblem, UnknownName
from ritz.problem_types.evolution.evolution import Evolution
from ritz.solution import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EvolutionTrajectory", "hermite"]


def hermite(t: float, t0: float, t1: float, u0: Any, u1: Any, rate0: Any, rate1: Any) -> Any:
    """Return the cubic through two states with given rates at time t.

    Examples
    --------
    >>> hermite(0.5, 0.0, 1.0, 0.0, 1.0, 0.0, 3.0)  # t**3
    0.125
    """
    h = t1 - t0
    s = (t - t0) / h
    left, right = (1.0 + 2.0 * s) * (1.0 - s) ** 2, s**2 * (3.0 - 2.0 * s)
    return left * u0 + right * u1 + (h * s * (1.0 - s) ** 2) * rate0 - (h * s**2 * (1.0 - s)) * rate1


@dataclass(frozen=True, eq=False, repr=False)
class EvolutionTrajectory(Solution):
    """The solution of an evolution equation at the times that were asked for.

    `x` is the state at the last time reached, and `iterations` the number of steps. `residual` is the largest estimate
    of the relative error of a step, and `history` holds the estimates of all steps after a leading zero. The error at
    the end may be larger than that of a step, as errors add up.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Times of the states: those asked for, as far as they were reached.
    states : ndarray, shape (m, n) or (m, fields, n)
        The states.
    step_times : ndarray, shape (iterations + 1,)
        Ends of all steps; the last one is the last time reached.
    events : tuple of (ndarray, ndarray)
        For each event function the times at which it vanished, and the states then.
    evolution : Evolution
        The problem.
    dense : tuple of ndarray, optional
        States and rates at the ends of all steps, if dense output was asked for.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0}, initial=lambda x: np.sin(np.pi * x))
    >>> trajectory = ritz.solve(bar, times=[0.0, 0.05, 0.1])
    >>> bool(abs(trajectory.at(0.1) / trajectory.at(0.0) - np.exp(-0.1 * np.pi**2)).max() < 1e-3)
    True
    """

    times: np.ndarray = field(default_factory=lambda: np.empty(0))
    states: np.ndarray = field(default_factory=lambda: np.empty(0))
    step_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    events: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    evolution: Evolution | None = None
    dense: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields."""
        assert self.evolution is not None
        return self.evolution.fields

    def at(self, t: float, field: str | None = None) -> np.ndarray:
        """Return the state, or one field of it, at time t.

        Between the times that were asked for, this takes dense output, a cubic in each step.

        Parameters
        ----------
        t : float
            One of `times`, or with ``dense=True`` any time that was reached.
        field : str, optional
            Name of a field; the whole state if None.

        Returns
        -------
        ndarray, shape (n,) or (fields, n)

        Raises
        ------
        InvalidProblem
            If the state at `t` is not known.
        """
        t = check_number("t", t)
        ends = self.step_times
        place = np.flatnonzero(np.abs(self.times - t) <= 1e-12 * np.abs(self.times).max())
        if place.size:
            state = self.states[place[0]]
        elif not ends[0] <= t <= ends[-1]:
            raise InvalidProblem(f"t is {t:g}; the trajectory goes from {ends[0]:g} to {ends[-1]:g}")
        elif self.dense is None:
            raise InvalidProblem(
                f"t is {t:g}, which is not one of the {self.times.size} times asked for: add it to times, or ask for"
                " dense=True"
            )
        else:
            after = int(np.clip(np.searchsorted(ends, t), 1, ends.size - 1))
            states, rates = self.dense
            state = hermite(
                t, ends[after - 1], ends[after], states[after - 1], states[after], rates[after - 1], rates[after]
            )
        return np.array(self._part(state, field))

    def on_grid(self, t: float, field: str | None = None) -> np.ndarray:
        """Return one field at time t as an array of the grid's shape, with NaN in obstacles.

        `field` may be left out if there is only one.
        """
        if self.grid is None:
            raise InvalidProblem("the evolution has no grid: use at(t)")
        return self.grid.field(self.at(t, self._only(field)))

    def __getitem__(self, field: str) -> np.ndarray:
        """Return one field at all `times`, shape (m, n)."""
        return self._part(self.states, field)

    def error(self, exact: Any) -> float:
        """Return the relative error of the last state in the Euclidean norm.

        Parameters
        ----------
        exact : array or function
            The state at the end, or ``exact(t)``.
        """
        reference: Any = exact(float(self.step_times[-1])) if callable(exact) else exact
        return super().error(np.reshape(reference, self.x.shape))

    def raise_for_status(self) -> EvolutionTrajectory:
        """Return the trajectory itself if it has converged; otherwise raise `ConvergenceError`, which carries it.

        The message says which time was reached.
        """
        if not self.converged:
            assert self.evolution is not None
            raise ConvergenceError(
                f"{self.solver or 'solver'} ended {self.status.name} at t = {self.step_times[-1]:.10g} of"
                f" {self.evolution.times[-1]:g}, after {self.iterations} steps. {self.status.value}",
                self,
            )
        return self

    def plot(self) -> Figure:
        """Return a matplotlib figure of the fields at up to four of the times."""
        from ritz.plotting.evolution_plot import plot_evolution

        return plot_evolution(self)

    def animate(
        self, path: str | os.PathLike[str], *, field: str | None = None, frames: int | None = None, fps: int = 20
    ) -> Path:
        """Write a film of one field, as ``.gif``, or as ``.mp4`` if FFmpeg is installed.

        Parameters
        ----------
        path : path
            Where to write.
        field : str, optional
            Name of the field; the first one by default.
        frames : int, optional
            Number of frames, evenly spaced in time; this takes dense output. By default one for each of the `times`.
        fps : int
            Frames per second.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        InvalidProblem
            For another suffix, or without a grid of one or two dimensions.
        """
        from ritz.plotting.evolution_film import write_film

        return write_film(self, path, field or self.fields[0], frames, fps)

    def _only(self, field: str | None) -> str | None:
        if field is None and len(self.fields) > 1:
            raise InvalidProblem(f"field is None; name one of {', '.join(self.fields)}")
        return field

    def _part(self, values: np.ndarray, field: str | None) -> np.ndarray:
        if field is None:
            return values
        names: Sequence[str] = self.fields
        if field not in names:
            raise UnknownName("field", field, list(names))
        assert self.evolution is not None
        return values[..., names.index(field), :] if len(self.evolution.shape) == 2 else values

    def __repr__(self) -> str:
        seconds = self.timings.get("prepare", 0.0) + self.timings.get("solve", 0.0)
        return (
            f"EvolutionTrajectory({self.solver}: {self.status.name}, t = {self.step_times[-1]:g},"
            f" {self.iterations} steps, {seconds:.3g} s)"
        )
