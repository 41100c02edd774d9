"""Second-order methods for networks: inverse curvature, optimisers, and what curvature tells of training."""

import importlib
from typing import TYPE_CHECKING, Any

from .inverse_methods import InverseProduct, inverse_product
from .recursive_inverse import RecursiveInverse
from .sliding_inverse import SlidingInverse
from .woodbury_inverse import WoodburyInverse

if TYPE_CHECKING:
    from ._adahessian import AdaHessian
    from ._alignment import hessian_alignment, linear_head_diagonal
    from ._bit_widths import BitWidths, Sensitivities, sensitivities
    from ._levenberg_marquardt import LevenbergMarquardt
    from ._mfac import MFAC
    from ._quantisation import quantise, quantised, with_integers
    from ._rate_from_spectrum import LearningRate, learning_rate
    from ._sample_derivatives import jacobian_rows
    from ._stability import Sharpness, SharpnessMonitor, sharpness

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

_MODULES = {  # that import torch, and are imported when one of these is first named
    "_adahessian": ("AdaHessian",),
    "_alignment": ("hessian_alignment", "linear_head_diagonal"),
    "_bit_widths": ("BitWidths", "Sensitivities", "sensitivities"),
    "_levenberg_marquardt": ("LevenbergMarquardt",),
    "_mfac": ("MFAC",),
    "_quantisation": ("quantise", "quantised", "with_integers"),
    "_rate_from_spectrum": ("LearningRate", "learning_rate"),
    "_sample_derivatives": ("jacobian_rows",),
    "_stability": ("Sharpness", "SharpnessMonitor", "sharpness"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
