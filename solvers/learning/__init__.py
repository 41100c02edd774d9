"""Second-order methods for networks: inverse curvature, optimisers, and what curvature tells of training."""

from .adahessian import AdaHessian
from .inverse_product import InverseProduct, inverse_product
from .jacobian_rows import jacobian_rows
from .levenberg_marquardt import LevenbergMarquardt
from .mfac import MFAC
from .recursive_inverse import RecursiveInverse
from .sliding_inverse import SlidingInverse
from .woodbury_inverse import WoodburyInverse
