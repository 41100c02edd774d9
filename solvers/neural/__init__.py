"""Neural networks trained on the equation itself, as peers of the other solvers of PDEs."""

from .pinn import PINN
from .rff_pinn import FourierFeaturePINN
from .solution import NeuralSolution

__all__ = ["PINN", "FourierFeaturePINN", "NeuralSolution"]
