from .discretisation.discretisation import Discretisation as Discretisation
from .discretisation.interpolation import Interpolant as Interpolant
from .discretisation.pde_solution import PDESolution as PDESolution
from .pde import PDE as PDE
