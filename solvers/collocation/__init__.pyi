from .chebyshev import Chebyshev as Chebyshev
from .finite_difference import FiniteDifference as FiniteDifference
