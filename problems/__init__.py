"""What is asked: one family of problems a file."""

if __name__ == "problems":
    raise ImportError("import ritz.problems instead: problems/ is a part of the ritz package")

from . import gp_hm
from .advection_diffusion import advection_diffusion
from .block_models import lfr, stochastic_block_model
from .diffusion import diffusion, diffusion_coefficient
from .fem import fem
from .from_grid import from_grid
from .gallery import gallery
from .geometric_graphs import grid_graph, nearest_neighbours, neighbour_graph, ring_of_cliques
from .graph_files import from_networkx, graph
from .heat import heat
from .helmholtz import helmholtz
from .lp_regression import lp_regression
from .manufactured import manufactured
from .matrix_market import matrix_market
from .obstacles import random_obstacles
from .parametric import (
    allen_cahn,
    burgers,
    helmholtz_lens,
    laser_track,
    lid_driven_cavity,
    moving_reaction,
    perforated_plate,
    rotating_wind,
    thermal_block,
    two_materials,
)
from .pde import pde
from .poisson import poisson
from .pressure_projection import SmokeState, divergence, pressure_projection
from .regression import adversarial_regression, regression, sparse_regression

__all__ = [
    "SmokeState",
    "advection_diffusion",
    "adversarial_regression",
    "allen_cahn",
    "burgers",
    "diffusion",
    "diffusion_coefficient",
    "divergence",
    "fem",
    "from_grid",
    "from_networkx",
    "gallery",
    "gp_hm",
    "graph",
    "grid_graph",
    "heat",
    "helmholtz",
    "helmholtz_lens",
    "laser_track",
    "lfr",
    "lid_driven_cavity",
    "lp_regression",
    "manufactured",
    "matrix_market",
    "moving_reaction",
    "nearest_neighbours",
    "neighbour_graph",
    "pde",
    "perforated_plate",
    "poisson",
    "pressure_projection",
    "random_obstacles",
    "regression",
    "ring_of_cliques",
    "rotating_wind",
    "sparse_regression",
    "stochastic_block_model",
    "thermal_block",
    "two_materials",
]
