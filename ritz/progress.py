"""Progress lines for computations that take longer than two seconds."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

__all__ = ["ResidualProgress", "StepProgress", "logger", "shown_lines"]

logger = logging.getLogger("ritz")
"""Takes one line of level INFO for each iteration or step, which nobody sees unless logging is set up to."""
logger.addHandler(logging.NullHandler())

PATIENCE = 2.0  # seconds before anything is shown
INTERVAL = 0.1  # seconds between updates


@contextmanager
def shown_lines() -> Generator[None]:
    """Return a context in which the lines of `logger` appear on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Progress:
    """A progress bar that appears after `PATIENCE` seconds, and lines for `logger`.

    Within a bar another of its kind writes no lines: steps that solve systems are told apart from their iterations.
    """

    _within: ContextVar[bool]

    def __init__(self, enabled: bool, description: str):
        self.enabled, self._description = enabled, description
        self._start = self._last = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None
        self._logs: Any = None  # what closes the context, if this bar writes lines

    def __enter__(self) -> Self:
        if logger.isEnabledFor(logging.INFO) and not self._within.get():
            self._logs = self._within.set(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._logs is not None:
            self._within.reset(self._logs)
            self._logs = None
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

    _within = ContextVar("within a solve", default=False)

    def __init__(self, enabled: bool, description: str, tolerance: float):
        super().__init__(enabled, description)
        self._tolerance = max(tolerance, 1e-300)

    def update(self, iteration: int, residual: float) -> None:
        """Show an iteration if the bar is due for an update."""
        if self._logs is not None:
            logger.info("%s: iteration %d, residual %.3e", self._description, iteration, residual)
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

    _within = ContextVar("within steps", default=False)

    def __init__(self, enabled: bool, description: str, steps: int):
        super().__init__(enabled, description)
        self._steps = max(steps, 1)

    def update(self, step: int, text: str = "") -> None:
        """Show a step, and `text` about it, if the bar is due for an update."""
        if self._logs is not None:
            logger.info("%s: %d of %d%s", self._description, step, self._steps, f", {text}" if text else "")
        if self._due():
            self._show(step / self._steps, f"{step} of {self._steps}" + (f", {text}" if text else ""))
