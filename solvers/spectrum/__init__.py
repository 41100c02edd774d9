"""Eigenvalues, traces, densities and functions of any symmetric operator, known by its products alone."""

from .diagonal_estimator import diagonal
from .eigenpairs import eigenvalues
from .krylov_space import lanczos
from .log_determinant import logdet
from .matrix_functions import apply_function
from .spectral_density import density
from .trace_estimators import trace

__all__ = ["apply_function", "density", "diagonal", "eigenvalues", "lanczos", "logdet", "trace"]
