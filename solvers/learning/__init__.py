"""Second-order methods for networks: inverse curvature, optimisers, and what curvature tells of training."""

from .adahessian import AdaHessian
from .alignment import hessian_alignment, linear_head_diagonal
from .bit_widths import BitWidths, Sensitivities, sensitivities
from .inverse_methods import InverseProduct, inverse_product
from .levenberg_marquardt import LevenbergMarquardt
from .mfac import MFAC
from .quantisation import quantise, quantised, with_integers
from .rate_from_spectrum import LearningRate, learning_rate
from .recursive_inverse import RecursiveInverse
from .sample_derivatives import jacobian_rows
from .sliding_inverse import SlidingInverse
from .stability import Sharpness, SharpnessMonitor, sharpness
from .woodbury_inverse import WoodburyInverse

__all__ = [
    "MFAC",
    "AdaHessian",
    "BitWidths",
    "InverseProduct",
    "LearningRate",
    "LevenbergMarquardt",
    "RecursiveInverse",
    "Sensitivities",
    "Sharpness",
    "SharpnessMonitor",
    "SlidingInverse",
    "WoodburyInverse",
    "hessian_alignment",
    "inverse_product",
    "jacobian_rows",
    "learning_rate",
    "linear_head_diagonal",
    "quantise",
    "quantised",
    "sensitivities",
    "sharpness",
    "with_integers",
]
