"""Snapshots that tests of reduced bases share."""

from __future__ import annotations

import numpy as np

from ritz import Snapshots


def bumps(count: int = 120, width: float = 0.04, *, signs: bool = False) -> Snapshots:
    """Return a bump that moves over a line, of any height."""
    generator = np.random.default_rng(1)
    x = np.linspace(0.0, 1.0, 100)
    centres, heights = generator.random(count), 10.0 ** generator.uniform(-1.0, 1.0, count)
    if signs:
        heights *= generator.choice([-1.0, 1.0], count)
    rows = heights[:, None] * np.exp(-(((x - centres[:, None]) / width) ** 2))
    return Snapshots(np.stack([centres, heights], axis=1), rows)
