from .bicgstab import BiCGStab as BiCGStab
from .conjugate_gradients import ConjugateGradients as ConjugateGradients
from .deflated_conjugate_gradients import DeflatedConjugateGradients as DeflatedConjugateGradients
from .flexible_conjugate_gradients import FlexibleConjugateGradients as FlexibleConjugateGradients
from .gmres import GMRES as GMRES
from .lsmr import LSMR as LSMR
from .mic_conjugate_gradients import MICConjugateGradients as MICConjugateGradients
from .minres import MINRES as MINRES
