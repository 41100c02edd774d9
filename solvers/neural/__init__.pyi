from .neural_solution import NeuralSolution as NeuralSolution
from .pinn import PINN as PINN
from .rff_pinn import FourierFeaturePINN as FourierFeaturePINN
