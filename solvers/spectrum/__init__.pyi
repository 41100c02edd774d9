from .diagonal_estimator import diagonal as diagonal
from .eigenpairs import eigenvalues as eigenvalues
from .krylov_space import lanczos as lanczos
from .log_determinant import logdet as logdet
from .matrix_functions import apply_function as apply_function
from .spectral_density import density as density
from .trace_estimators import trace as trace
