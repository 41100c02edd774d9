"""The march in time: choice of steps, output, events and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ritz.problem_types.evolution.evolution import Evolution
from ritz.problem_types.evolution.trajectory import EvolutionTrajectory
from ritz.progress import StepProgress
from ritz.solution import Status
from ritz.solver import Controls

from .checkpoint import Checkpoint
from .events import Event, between
from .implicit_reaction import ImplicitReaction
from .shifted_systems import StepFailed
from .state import Point, Step

__all__ = ["Integration", "Settings", "Stepper"]

SAFETY, GROWTH, SHRINK = 0.9, 4.0, 0.2
STRETCH = 1.1  # a last step may be longer than chosen by this factor
ROUNDING = 16 * np.finfo(np.float64).eps  # smallest step relative to time


class Stepper(Protocol):
    """A method that makes one step."""

    history: int

    def attempt(self, points: Sequence[Point], dt: float, allowed: np.ndarray) -> Step:
        """Return the step of size `dt` from the last of `points`."""
        ...


@dataclass(frozen=True)
class Settings:
    """Checked settings of a run; see `TimeStepping`."""

    rtol: float
    atol: float
    limit: int
    step: float | None
    first_step: float | None
    max_step: float | None
    dense: bool


class Integration:
    """A run of one method from one initial state.

    Parameters
    ----------
    evolution : Evolution
    stepper : Stepper
    settings : Settings
    events : list of Event
    newton : ImplicitReaction or None
        Solver of nonlinear stages, whose Jacobian belongs to the state of the run.
    """

    def __init__(
        self,
        evolution: Evolution,
        stepper: Stepper,
        settings: Settings,
        events: list[Event],
        newton: ImplicitReaction | None,
    ):
        self._evolution, self._stepper, self._settings = evolution, stepper, settings
        self._events, self._newton = events, newton
        self._times = np.asarray(evolution.times)
        self._end, self._span = float(self._times[-1]), float(self._times[-1] - self._times[0])
        self._points: list[Point] = []
        self._wanted = self._before = 0.0  # next step size, and error of the last step
        self._ends: list[float] = []
        self._errors: list[float] = []
        self._states: list[np.ndarray] = []
        self._dense: list[tuple[np.ndarray, np.ndarray]] = []
        self._rejected = 0
        self._stopped = False  # by an event

    def run(self, start: np.ndarray, controls: Controls, checkpoint: Checkpoint | None) -> EvolutionTrajectory:
        """Return the trajectory, as far as the run came."""
        kept = None if checkpoint is None else checkpoint.read()
        if kept is None:
            self._begin(start)
        else:
            self._restore(kept)
        resumed = len(self._errors)
        status: Status | None = None
        with StepProgress(controls.progress.enabled, "time stepping", 100) as line:
            try:
                while status is None:
                    status = self._advance(controls)
                    done = (self._points[-1].t - float(self._times[0])) / self._span
                    line.update(int(100 * done), f"t = {self._points[-1].t:.4g}, step {self._wanted:.1e}")
                    if checkpoint is not None and len(self._errors) % checkpoint.every == 0:
                        checkpoint.write(self._arrays())
            except KeyboardInterrupt:
                status = Status.INTERRUPTED
        if checkpoint is not None and len(self._errors) > resumed:
            checkpoint.write(self._arrays())
        return self._trajectory(status, resumed)

    def _advance(self, controls: Controls) -> Status | None:
        """Make one step; return how the run ended, or None if it goes on."""
        point = self._points[-1]
        if self._stopped or point.t >= self._end:
            return Status.CONVERGED
        if len(self._errors) >= self._settings.limit:
            return Status.MAX_ITERATIONS
        while True:
            dt, last = self._size(point.t)
            if not dt > ROUNDING * max(abs(point.t), self._span * 1e-6):
                return Status.STEP_TOO_SMALL
            allowed = self._allowed(point, dt)
            try:
                step = self._stepper.attempt(self._points, dt, allowed)
                error = self._error(point, step)
            except StepFailed:
                step, error = None, math.inf
            if step is not None and (error <= 1.0 or (self._settings.step is not None and math.isfinite(error))):
                break
            if self._settings.step is not None:
                return Status.NON_FINITE
            self._rejected += 1
            order = 2.0 if step is None else step.order + 1.0
            factor = SAFETY * error ** (-1.0 / order) if math.isfinite(error) else SHRINK
            self._wanted = dt * min(0.7, max(SHRINK, factor))
        end = step.point if not last else Point(self._end, step.point.u, step.point.slope, step.point.reaction)
        self._accept(point, end, dt, error, step)
        controls_stop = controls.asks_to_stop(len(self._errors), end.u, end.t)
        return Status.INTERRUPTED if controls_stop and not self._finished else None

    @property
    def _finished(self) -> bool:
        return self._stopped or self._points[-1].t >= self._end

    def _size(self, t: float) -> tuple[float, bool]:
        """Return the size of the next step, and whether it is the last."""
        settings, left = self._settings, self._end - t
        if settings.step is not None:
            dt = settings.step
        else:
            dt = self._wanted if settings.max_step is None else min(self._wanted, settings.max_step)
            dt = self._span * 2.0 ** (-0.5 * math.ceil(-2.0 * math.log2(dt / self._span) - 1e-9))
        return (left, True) if left <= dt * (STRETCH if settings.step is None else 1.0 + 1e-9) else (dt, False)

    def _allowed(self, point: Point, dt: float) -> np.ndarray:
        level = self._norms(point.u)
        level = np.where(level > 0.0, level, dt * self._norms(point.rate))
        allowed = self._settings.rtol * level + self._settings.atol * self._evolution.size**0.5
        largest = float(allowed.max()) or self._settings.rtol
        return np.where(allowed > 0.0, allowed, largest)

    def _error(self, start: Point, step: Step) -> float:
        """Return the estimate of the error relative to the tolerances; infinity if the step is not finite."""
        if not (np.isfinite(step.point.u).all() and np.isfinite(step.point.rate).all()):
            return math.inf
        level = np.maximum(self._norms(start.u), self._norms(step.point.u))
        allowed = self._settings.rtol * level + self._settings.atol * self._evolution.size**0.5
        errors = self._norms(step.error)
        ratios = np.divide(errors, allowed, out=np.zeros_like(errors), where=errors > 0.0)
        return float(ratios.max()) if np.isfinite(ratios).all() else math.inf

    def _norms(self, values: np.ndarray) -> np.ndarray:
        rows = values.reshape(-1, self._evolution.size)
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if (norms < 1e-140).any() or not np.isfinite(norms).all():  # squares leave the range of the dtype
            largest = np.abs(rows).max(axis=1, initial=0.0)
            safe = np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
            norms = safe * np.linalg.norm(rows / safe[:, None], axis=1)
        return norms

    def _accept(self, start: Point, end: Point, dt: float, error: float, step: Step) -> None:
        if self._settings.step is None:
            power = 1.0 / (step.order + 1.0)
            error = max(error, 1e-10)
            factor = SAFETY * error ** (-0.7 * power) * (self._before or error) ** (0.4 * power)
            grown = dt * min(GROWTH if self._stepper.history == 1 else 2.0, max(SHRINK, factor))
            self._wanted = max(self._wanted, grown) if end.t >= self._end else grown
            self._before = error
        end = self._check_events(start, end)
        while len(self._states) < self._times.size and self._times[len(self._states)] <= end.t:
            t = float(self._times[len(self._states)])
            self._states.append(end.u.copy() if t == end.t else between(t, start, end))
        self._points = [*self._points, end][-self._stepper.history :]
        self._ends.append(end.t)
        level = float(self._norms(end.u).max()) or 1.0
        self._errors.append(float(self._norms(step.error).max()) / level)
        if self._settings.dense:
            self._dense.append((end.u, end.rate))

    def _check_events(self, start: Point, end: Point) -> Point:
        found = [(t, event) for event in self._events if (t := event.find(start, end)) is not None]
        for t, event in sorted(found, key=lambda pair: pair[0]):
            state = between(t, start, end)
            event.record(t, state)
            if event.terminal:
                self._stopped = True
                slope = self._evolution.slope(t, state)
                reaction = self._evolution.reaction
                return Point(t, state, slope, None if reaction is None else np.asarray(reaction(t, state)))
        return end

    def _begin(self, start: np.ndarray) -> None:
        evolution, t = self._evolution, float(self._times[0])
        reaction = None if evolution.reaction is None else np.asarray(evolution.reaction(t, start.copy()))
        point = Point(t, start.copy(), evolution.slope(t, start), reaction)
        self._points, self._states, self._ends = [point], [start.copy()], [t]
        if self._settings.dense:
            self._dense.append((point.u, point.rate))
        if self._settings.first_step is not None:
            self._wanted = min(self._settings.first_step, self._span)
            return
        level, rate = self._norms(point.u), self._norms(point.rate)
        sizes = np.divide(level, rate, out=np.full(level.shape, np.inf), where=(rate > 0.0) & (level > 0.0))
        self._wanted = min(1e-2 * self._span, 1e-2 * float(sizes.min()))

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {
            "numbers": np.array([self._wanted, self._before, self._rejected, self._stopped]),
            "ends": np.array(self._ends),
            "errors": np.array(self._errors),
            "states": np.stack(self._states),
        }
        for name in ("u", "slope", *(["reaction"] if self._points[0].reaction is not None else [])):
            arrays[f"points_{name}"] = np.stack([getattr(point, name) for point in self._points])
        arrays["points_t"] = np.array([point.t for point in self._points])
        for number, event in enumerate(self._events):
            arrays[f"event{number}_times"] = np.array(event.times)
            arrays[f"event{number}_states"] = np.array(event.states)
        if self._settings.dense:
            arrays["dense"] = np.stack([np.stack(pair) for pair in self._dense])
        if self._newton is not None:
            arrays |= self._newton.memory()
        return arrays

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._wanted, self._before = arrays["numbers"][:2].tolist()
        self._rejected, self._stopped = int(arrays["numbers"][2]), bool(arrays["numbers"][3])
        self._ends, self._errors = arrays["ends"].tolist(), arrays["errors"].tolist()
        self._states = list(arrays["states"])
        reactions: Sequence[Any] = arrays.get("points_reaction", [None] * len(arrays["points_t"]))  # pyright: ignore
        rows = zip(arrays["points_t"].tolist(), arrays["points_u"], arrays["points_slope"], reactions, strict=True)
        self._points = [Point(*row) for row in rows]
        for number, event in enumerate(self._events):
            event.times = arrays[f"event{number}_times"].tolist()
            event.states = list(arrays[f"event{number}_states"])
        if self._settings.dense:
            self._dense = [(u, rate) for u, rate in arrays["dense"]]
        if self._newton is not None:
            self._newton.restore(arrays)

    def _trajectory(self, status: Status, resumed: int) -> EvolutionTrajectory:
        ended = self._points[-1]
        count = len(self._states)
        stats: dict[str, Any] = {"rejected": self._rejected}
        if resumed:
            stats["resumed at step"] = resumed
        if self._stopped:
            stats["ended"] = f"by an event at t = {ended.t:.10g}"
        return EvolutionTrajectory(
            x=ended.u.copy(),
            status=status,
            iterations=len(self._errors),
            residual=max(self._errors, default=0.0),
            history=np.array([0.0, *self._errors]),
            timings={},
            stats=stats,
            grid=self._evolution.grid,
            times=self._times[:count].copy(),
            states=np.stack(self._states),
            step_times=np.array(self._ends),
            events=tuple((np.array(event.times), np.array(event.states)) for event in self._events),
            evolution=self._evolution,
            dense=(
                (np.stack([u for u, _ in self._dense]), np.stack([rate for _, rate in self._dense]))
                if self._settings.dense
                else None
            ),
        )
