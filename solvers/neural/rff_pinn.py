"""Physics-informed neural networks with random Fourier features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register

from .pinn import PINN, prepare_network
from .prepared_pinn import PreparedNetwork

__all__ = ["FourierFeaturePINN"]


@register("rff-pinn")
@dataclass(frozen=True)
class FourierFeaturePINN(PINN):
    """Physics-informed neural network with random Fourier features of several scales :cite:`WangWangPerdikaris2021`.

    The coordinates enter as ``sin(b . x)`` and ``cos(b . x)``, where b is normal with standard deviations `scales`.
    The features of each scale pass through the same hidden layers, and the last layer joins them. High frequencies
    become learnable if a scale is near the frequency of the solution, which has to be known.

    Takes the options of ``pinn`` and the following.

    Parameters
    ----------
    scales : sequence of float
        Standard deviations of the frequencies, in radians per unit length.
    features : int
        Number of frequencies per scale.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> exact = lambda x: np.sin(20 * x)
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0, 0: 400.0}, lambda x: 800 * exact(x), exact)
    >>> small = {"width": 20, "depth": 2, "points": 300, "learning_rate": 0.01}
    >>> ritz.solve(bar, "rff-pinn", **small, scales=(20.0,), maxiter=200, throw=False).error(exact) < 0.1
    True
    """

    scales: Sequence[float] = (1.0, 20.0, 100.0)
    features: int = 32

    def prepare(self, problem: PDE) -> PreparedNetwork:
        """Draw points and frequencies, and evaluate the data."""
        if not len(self.scales) or not all(scale > 0 for scale in self.scales):
            raise InvalidProblem(f"scales is {self.scales!r}; give positive standard deviations, such as (1.0, 20.0)")
        check_integer("features", self.features)

        def embed(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            from .jets import fourier_embedding

            periodic = [pair[0] == "periodic" for pair in problem.sides]
            return fourier_embedding(problem.domain, periodic, tuple(self.scales), self.features, generator)

        return prepare_network(self, problem, embed)
