"""Versions, machine and threads with which a result was computed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from ritz.arguments import check_integer

__all__ = ["PACKAGES", "environment", "installed_version", "pinned_threads"]

PACKAGES = ("ritz", "numpy", "scipy", "pyamg", "numba", "torch")


def environment(*, threads: int | None = None, seed: int | None = None) -> dict[str, Any]:
    """Return what is needed to repeat a computation, as JSON values. Nothing is imported for it.

    Parameters
    ----------
    threads : int, optional
        Number of threads the computation was limited to; None if unlimited.
    seed : int, optional
        Seed of the random choices.

    Returns
    -------
    dict
        ``date`` (ISO 8601, UTC), ``versions`` by package (None if not installed), ``revision`` of the checkout (None
        outside one; "+" marks uncommitted changes), ``python``, ``platform``, ``cpu``, ``cores`` (usable by this
        process), ``memory`` (bytes), ``device`` (CUDA device, if torch is loaded and has one), ``threads`` and
        ``seed``.

    Examples
    --------
    >>> environment(seed=3)["seed"]
    3
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: installed_version(package) for package in PACKAGES},
        "revision": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "device": _device(),
        "threads": threads,
        "seed": seed,
    }


def installed_version(package: str) -> str | None:
    """Return the version of a distribution, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def pinned_threads(threads: int | None) -> Generator[None, None, None]:
    """Limit BLAS, OpenMP, numba and torch, as far as they are loaded, to a number of threads.

    The previous numbers are restored on exit.

    Parameters
    ----------
    threads : int or None
        None changes nothing.

    Raises
    ------
    InvalidProblem
        If `threads` is not a positive integer.
    """
    threads = check_integer("threads", threads, optional=True)
    if threads is None:
        yield
        return
    from threadpoolctl import threadpool_limits

    with ExitStack() as restore:
        restore.enter_context(threadpool_limits(limits=threads))
        numba, torch = sys.modules.get("numba"), sys.modules.get("torch")
        if numba is not None:
            restore.callback(numba.set_num_threads, numba.get_num_threads())
            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        if torch is not None:
            restore.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        yield


def _revision() -> str | None:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    if not head:
        return None
    return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _device() -> str | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name()
