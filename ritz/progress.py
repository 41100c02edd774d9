"""A progress line for whatever takes longer than two seconds."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Any

__all__ = ["CountProgress", "ResidualProgress"]

PATIENCE = 2.0  # seconds before anything is shown
INTERVAL = 0.1  # seconds between updates


class ResidualProgress:
    """Show how far the residual has fallen towards the tolerance, on a logarithmic bar.

    Parameters
    ----------
    enabled : bool
    description : str
    tolerance : float
        Relative residual at which the bar is full.
    """

    def __init__(self, enabled: bool, description: str, tolerance: float):
        self.enabled, self._description = enabled, description
        self._tolerance = max(tolerance, 1e-300)
        self._start = self._last = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> ResidualProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, iteration: int, residual: float) -> None:
        """Show an iteration, if it is time to."""
        if not self.enabled:
            return
        now = time.perf_counter()
        if now - self._start < PATIENCE or now - self._last < INTERVAL:
            return
        self._last = now
        if self._bar is None:
            self._bar, self._task = self._open()
        fraction = 0.0
        if 0.0 < residual < 1.0 and self._tolerance < 1.0:
            fraction = min(1.0, math.log(residual) / math.log(self._tolerance))
        text = f"{self._description}: iteration {iteration}, residual {residual:.1e}"
        self._bar.update(self._task, completed=fraction, description=text)

    def _open(self) -> tuple[Any, Any]:
        return _opened(self._description, 1.0)


class CountProgress:
    """Show how many of some pieces of work are done, once two seconds have passed.

    Parameters
    ----------
    enabled : bool
    description : str
    total, done : int
        Pieces, and how many of them are done already.
    """

    def __init__(self, enabled: bool, description: str, total: int, done: int = 0):
        self._enabled, self._description, self._total, self._done = enabled, description, total, done
        self._start = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> CountProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self) -> None:
        """Count one piece more."""
        self._done += 1
        if not self._enabled or (self._bar is None and time.perf_counter() - self._start < PATIENCE):
            return
        if self._bar is None:
            self._bar, self._task = _opened(self._description, float(self._total))
        text = f"{self._description}: {self._done} of {self._total}"
        self._bar.update(self._task, completed=self._done, description=text)


def _opened(description: str, total: float) -> tuple[Any, Any]:
    """Return a bar that is shown, and its task."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(description, total=total)
    bar.start()
    return bar, task
