"""From a PDE on a box to a linear system: finite differences, Chebyshev and Fourier collocation."""

from ritz.discretisation.axis import Axis, unknowns_of_cells
from ritz.discretisation.chebyshev import ChebyshevAxis
from ritz.discretisation.discretisation import SCHEMES, Discretisation
from ritz.discretisation.finite_differences import FiniteDifferenceAxis, difference_weights
from ritz.discretisation.fourier import FourierAxis
from ritz.discretisation.interpolation import Interpolant
from ritz.discretisation.solution import PDESolution

__all__ = [
    "SCHEMES",
    "Axis",
    "ChebyshevAxis",
    "Discretisation",
    "FiniteDifferenceAxis",
    "FourierAxis",
    "Interpolant",
    "PDESolution",
    "difference_weights",
    "unknowns_of_cells",
]
