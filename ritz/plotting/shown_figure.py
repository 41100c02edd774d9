"""Figures that notebooks and scripts show without pyplot."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

__all__ = ["ShownFigure"]


class ShownFigure(Figure):
    """A figure that a notebook displays as the value of a cell, without a magic line, and ``show`` in a window."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()

    def show(self, warn: bool = True) -> None:
        """Open a window in a script and wait until it is closed; in a notebook, display the figure."""
        import matplotlib.pyplot as plt

        if self.canvas.manager is None:
            module: Any = plt._get_backend_mod()  # pyright: ignore
            from matplotlib._pylab_helpers import Gcf

            number = max(plt.get_fignums(), default=0) + 1
            Gcf._set_new_active_manager(module.new_figure_manager_given_figure(number, self))  # pyright: ignore
        plt.show()
