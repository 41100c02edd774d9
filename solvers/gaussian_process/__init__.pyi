from .common_covariances import MaternGP as MaternGP
from .common_covariances import SquaredExponentialGP as SquaredExponentialGP
from .gaussian_process import KroneckerGP as KroneckerGP
from .gpytorch_kernel import MixtureKernel as MixtureKernel
