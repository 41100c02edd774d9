"""Multigrid methods."""

from .amg_cg import AMGConjugateGradients
from .grid_multigrid import GridMultigrid
from .multigrid import Multigrid

__all__ = ["AMGConjugateGradients", "GridMultigrid", "Multigrid"]
