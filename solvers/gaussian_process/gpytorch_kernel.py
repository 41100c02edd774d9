"""Spectral mixtures as GPyTorch kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gpytorch.kernels import Kernel

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem

from .covariances.covariance import SpectralMixture

__all__ = ["MixtureKernel"]


class MixtureKernel(Kernel):
    r"""A `SpectralMixture` as a kernel of one input, for values of a function and for its derivatives.

    Works in every GPyTorch model. The logarithms of weights and lengthscales are learned, and the frequencies
    themselves. For several inputs take a product:
    ``MixtureKernel(q, active_dims=[0]) * MixtureKernel(r, active_dims=[1])``.

    Parameters
    ----------
    components : int or SpectralMixture
        Number of components, which start with frequency 0, weight ``1 / components`` and lengthscale 1; or the
        covariance to start from.
    envelope : {"matern52", "squared-exponential"}
        Envelope of the components if `components` is a number.
    orders : sequence of int
        Derivatives that are the outputs at each input, in this order; GPyTorch's ``RBFKernelGrad`` has ``(0, 1)``.
        The covariance matrix has ``len(orders)`` consecutive rows per input.
    **keywords
        Keywords of ``gpytorch.kernels.Kernel``, such as ``active_dims``.

    Raises
    ------
    InvalidProblem
        If the envelope lacks one of the derivatives, or the inputs have more than one dimension.

    Examples
    --------
    >>> import torch
    >>> kernel = MixtureKernel(SpectralMixture([1.0], [100.0], [6.0]))
    >>> kernel(torch.tensor([0.0, torch.pi / 100])).to_dense().detach().round(decimals=4).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """

    log_weights: torch.Tensor
    frequencies: torch.Tensor
    log_lengthscales: torch.Tensor

    def __init__(
        self,
        components: int | SpectralMixture,
        envelope: str = "matern52",
        orders: Sequence[int] = (0,),
        **keywords: Any,
    ):
        super().__init__(**keywords)
        if len(self.batch_shape):
            raise InvalidProblem("MixtureKernel takes no batch_shape: its hyperparameters are those of one covariance")
        if not isinstance(components, SpectralMixture):
            equal = [1.0 / components] * components
            components = SpectralMixture(equal, [0.0] * components, [1.0] * components, envelope)
        components.check_derivatives(max(orders))
        self.envelope, self.orders = components.envelope, tuple(orders)
        for name, values in (
            ("log_weights", np.log(to_numpy(components.weights))),
            ("frequencies", to_numpy(components.frequencies)),
            ("log_lengthscales", np.log(to_numpy(components.lengthscales))),
        ):
            self.register_parameter(name, torch.nn.Parameter(torch.tensor(values, dtype=torch.float64)))

    @property
    def is_stationary(self) -> bool:
        """Whether the covariance depends only on the difference of the inputs."""
        return self.orders == (0,)

    def covariance(self, dtype: torch.dtype = torch.float64) -> SpectralMixture:
        """Return the covariance with the current hyperparameters."""
        fields = (torch.exp(self.log_weights), self.frequencies, torch.exp(self.log_lengthscales))
        return SpectralMixture(*(values.to(dtype) for values in fields), envelope=self.envelope)

    def num_outputs_per_input(self, x1: Any, x2: Any) -> int:
        """Return the number of derivatives."""
        return len(self.orders)

    def forward(self, x1: Any, x2: Any, diag: bool = False, last_dim_is_batch: bool = False, **params: Any) -> Any:
        """Return the covariance of inputs ``(..., n, 1)`` and ``(..., m, 1)``, or its diagonal."""
        if last_dim_is_batch:
            x1, x2 = x1.mT[..., None], x2.mT[..., None]
        if x1.shape[-1] != 1:
            raise InvalidProblem(
                f"MixtureKernel was given inputs of {x1.shape[-1]} dimensions; give it active_dims=[0], and multiply by"
                " one for each of the others"
            )
        distance = x1[..., 0] - x2[..., 0] if diag else x1 - x2.mT
        sums = sorted({a + b for a in self.orders for b in self.orders})
        known = dict(zip(sums, self.covariance(distance.dtype).derivatives(distance, sums), strict=True))
        if diag:
            variances = [(-1.0) ** a * known[2 * a] for a in self.orders]
            return torch.stack(variances, dim=-1).flatten(-2)
        rows = [torch.stack([(-1.0) ** b * known[a + b] for b in self.orders], dim=-1) for a in self.orders]
        count = len(self.orders)
        blocks = torch.stack(rows, dim=-3)  # (..., n, count, m, count)
        return blocks.reshape(*distance.shape[:-2], distance.shape[-2] * count, distance.shape[-1] * count)
