"""Peak memory of a function call."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

__all__ = ["peak_memory"]

Result = TypeVar("Result")

INTERVAL = 0.002  # seconds between samples if the kernel does not record the peak


def peak_memory(call: Callable[[], Result]) -> tuple[Result, int]:
    """Call a function and return its result with its peak host memory in bytes.

    The peak is the largest resident memory during the call minus the resident memory before it. This includes
    allocations of compiled libraries, and whatever a first call imports and compiles, so call the function once before
    measuring it. Free memory held by the allocator is returned to the system first. Linux records the peak itself; if
    it cannot be reset, and on other systems, resident memory is sampled. Device memory is not counted.

    Parameters
    ----------
    call : callable
        Called once, without arguments.

    Examples
    --------
    >>> import numpy as np
    >>> result, peak = peak_memory(lambda: float(np.ones(4_000_000).sum()))
    >>> peak > 20_000_000
    True
    """
    gc.collect()
    _trim()
    if _reset_peak():
        before = _status("VmRSS")
        result = call()
        return result, max(0, _status("VmHWM") - before)
    return _sampled(call)


def _trim() -> None:
    with suppress(AttributeError, OSError, TypeError):  # without glibc, memory freed earlier may hide some of the peak
        ctypes.CDLL(None).malloc_trim(0)


def _reset_peak() -> bool:
    """Reset the kernel's peak to the current value, and return whether that worked."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmHWM") <= 1.05 * _status("VmRSS")
    except (OSError, ValueError):
        return False


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"/proc/self/status has no {key}")


def _sampled(call: Callable[[], Result]) -> tuple[Result, int]:
    process = psutil.Process()
    before = peak = process.memory_info().rss
    stop = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not stop.wait(INTERVAL):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        result = call()
        peak = max(peak, process.memory_info().rss)
    finally:
        stop.set()
        watcher.join()
    return result, peak - before
