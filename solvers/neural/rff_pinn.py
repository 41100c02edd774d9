"""Physics-informed neural networks with random Fourier features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritz.errors import InvalidProblem
from ritz.pde import PDE
from ritz.registry import register

from .pinn import PINN, prepare_network
from .prepared import PreparedNetwork, check_options

__all__ = ["FourierFeaturePINN"]


@register("rff-pinn")
@dataclass(frozen=True)
class FourierFeaturePINN(PINN):
    """Physics-informed neural network of random Fourier features of several scales :cite:`WangWangPerdikaris2021`.

    The coordinates enter as ``sin(b . x)`` and ``cos(b . x)``, b being normal with each of the standard deviations
    `scales`; the features of each scale pass through the same hidden layers, and the last layer joins them. A scale
    near the frequency of the solution makes high frequencies learnable; it has to be known.

    Options besides those of ``pinn``:

    Parameters
    ----------
    scales : sequence of float
        Standard deviations of the frequencies, in radians per unit length.
    features : int
        Frequencies of each scale.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: 1.0}, source=lambda x: -400 * np.sin(20 * x), boundary=lambda x: np.sin(20 * x))
    >>> solution = ritz.solve(bar, "rff-pinn", scales=(20.0,), points=100, maxiter=300, rtol=1e-2)
    >>> solution.error(lambda x: np.sin(20 * x)) < 0.05
    True
    """

    scales: Sequence[float] = (1.0, 20.0, 100.0)
    features: int = 32

    def prepare(self, problem: PDE) -> PreparedNetwork:
        """Draw points and frequencies, and evaluate the data."""
        if not len(self.scales) or not all(scale > 0 for scale in self.scales):
            raise InvalidProblem(f"scales is {self.scales!r}; give positive standard deviations, such as (1.0, 20.0)")
        check_options(features=self.features)

        def embed(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            from ritz.networks.jets import fourier_embedding

            periodic = [pair[0] == "periodic" for pair in problem.sides]
            return fourier_embedding(problem.domain, periodic, tuple(self.scales), self.features, generator)

        return prepare_network(self, problem, embed)
