from .build import PreconditionerLike as PreconditionerLike
from .build import build_preconditioner as build_preconditioner
from .incomplete_cholesky import IncompleteCholesky as IncompleteCholesky
from .incomplete_cholesky import ModifiedIncompleteCholesky as ModifiedIncompleteCholesky
from .incomplete_lu import IncompleteLU as IncompleteLU
from .jacobi import Jacobi as Jacobi
from .symmetric_gauss_seidel import SymmetricGaussSeidel as SymmetricGaussSeidel
