"""Real graphs for figures and benchmarks, read from a folder of the user's."""

from __future__ import annotations

import os
from pathlib import Path

from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.problems import graph

__all__ = ["real_graph"]


def real_graph(name: str) -> AttributedGraph | None:
    """Return the largest component of ``$RITZ_DATA/graphs/{name}.npz``, or None if there is no such file.

    Parameters
    ----------
    name : str
        ``"cora"`` or ``"polblogs"``.
    """
    folder = os.environ.get("RITZ_DATA")
    path = Path(folder or "", "graphs", f"{name}.npz")
    return graph(path, largest_component=True) if folder and path.is_file() else None
