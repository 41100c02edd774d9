"""Progress lines for computations that take longer than two seconds."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Any, Self

__all__ = ["ResidualProgress", "StepProgress"]

PATIENCE = 2.0  # seconds before anything is shown
INTERVAL = 0.1  # seconds between updates


class _Progress:
    """A progress bar that appears after `PATIENCE` seconds."""

    def __init__(self, enabled: bool, description: str):
        self.enabled, self._description = enabled, description
        self._start = self._last = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _due(self) -> bool:
        """Return whether it is time to update the bar."""
        if not self.enabled:
            return False
        now = time.perf_counter()
        if now - self._start < PATIENCE or now - self._last < INTERVAL:
            return False
        self._last = now
        return True

    def _show(self, fraction: float, text: str) -> None:
        if self._bar is None:
            self._bar, self._task = self._open()
        self._bar.update(self._task, completed=fraction, description=f"{self._description}: {text}")

    def _open(self) -> tuple[Any, Any]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        task = bar.add_task(self._description, total=1.0)
        bar.start()
        return bar, task


class ResidualProgress(_Progress):
    """A progress bar that shows on a logarithmic scale how far the residual has fallen towards the tolerance.

    Parameters
    ----------
    enabled : bool
    description : str
    tolerance : float
        Relative residual at which the bar is full.
    """

    def __init__(self, enabled: bool, description: str, tolerance: float):
        super().__init__(enabled, description)
        self._tolerance = max(tolerance, 1e-300)

    def update(self, iteration: int, residual: float) -> None:
        """Show an iteration if the bar is due for an update."""
        if self._due():
            fraction = 0.0
            if 0.0 < residual < 1.0 and self._tolerance < 1.0:
                fraction = min(1.0, math.log(residual) / math.log(self._tolerance))
            self._show(fraction, f"iteration {iteration}, residual {residual:.1e}")


class StepProgress(_Progress):
    """A progress bar that shows how many of a known number of steps are done.

    Parameters
    ----------
    enabled : bool
    description : str
    steps : int
    """

    def __init__(self, enabled: bool, description: str, steps: int):
        super().__init__(enabled, description)
        self._steps = max(steps, 1)

    def update(self, step: int, text: str = "") -> None:
        """Show a step, and `text` about it, if the bar is due for an update."""
        if self._due():
            self._show(step / self._steps, f"{step} of {self._steps}" + (f", {text}" if text else ""))
