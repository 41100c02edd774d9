"""Multigrid methods."""

from .amg_cg import AMGConjugateGradients
from .bootstrap_amg import BootstrapMultigrid
from .bootstrapping import Bootstrap, bootstrap
from .grid_multigrid import GridMultigrid
from .learned_multigrid import LearnedGridMultigrid, LearnedMultigrid
from .multigrid import Multigrid

__all__ = [
    "AMGConjugateGradients",
    "Bootstrap",
    "BootstrapMultigrid",
    "GridMultigrid",
    "LearnedGridMultigrid",
    "LearnedMultigrid",
    "Multigrid",
    "bootstrap",
]
