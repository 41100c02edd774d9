"""Multigrid methods."""

from .amg_cg import AMGConjugateGradients
from .bootstrap_amg import BootstrapMultigrid
from .bootstrapping import Bootstrap, bootstrap
from .grid_multigrid import GridMultigrid
from .multigrid import Multigrid

__all__ = ["AMGConjugateGradients", "Bootstrap", "BootstrapMultigrid", "GridMultigrid", "Multigrid", "bootstrap"]
