from .evolution import Evolution as Evolution
from .pde_system import PDESystem as PDESystem
from .trajectory import EvolutionTrajectory as EvolutionTrajectory
