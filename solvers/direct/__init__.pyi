from .cholesky import Cholesky as Cholesky
from .cholmod import Cholmod as Cholmod
from .lu import LU as LU
from .pseudoinverse import Pseudoinverse as Pseudoinverse
from .transform import Transform as Transform
from .tridiagonal_transform import TridiagonalTransform as TridiagonalTransform
