"""The real graphs that figures and measurements use where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.problems import graph

__all__ = ["real_graph"]


def real_graph(name: str) -> AttributedGraph | None:
    """Return the largest component of ``graphs/{name}.npz``, or None if it is not there.

    It is looked for in the folder that the environment variable RITZ_DATA names, and in ``shared/data`` beside the
    checkout or above.

    Parameters
    ----------
    name : str
        ``"cora"`` or ``"polblogs"``.
    """
    folders = [Path(os.environ["RITZ_DATA"])] if "RITZ_DATA" in os.environ else []
    folders += [parent / "shared" / "data" for parent in Path(__file__).resolve().parents]
    for folder in folders:
        path = folder / "graphs" / f"{name}.npz"
        if path.is_file():
            return graph(path, largest_component=True)
    return None
