from .iteration import ConjugateDirections as ConjugateDirections
from .iteration import conjugate_directions as conjugate_directions
from .mixtures import ritz_mixtures as ritz_mixtures
from .network_direction import NetworkDirection as NetworkDirection
from .recipes import DirectionTraining as DirectionTraining
