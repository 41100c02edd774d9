"""Solutions of PDEs that are posterior distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array
from ritz.problem_types.pde.fields import evaluate
from ritz.solution import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PosteriorSolution"]


@dataclass(frozen=True, eq=False, repr=False)
class PosteriorSolution(Solution):
    """A `Solution` that is a distribution; ``x`` is its mean at the nodes.

    Parameters
    ----------
    posterior : object
        Posterior with ``mean``, ``variance`` and ``sample``; the methods below delegate to it.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> bar = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> solution = ritz.solve(bar, "gp", shape=50)
    >>> solution.mean([0.5]).round(9).tolist(), solution.mean([0.0], derivative=1).round(6).tolist()
    ([1.0], [3.141593])
    >>> solution.sample([0.25, 0.5], count=3, seed=1).shape
    (3, 2)
    """

    posterior: Any = None

    def mean(self, points: Any, derivative: Any = None) -> Array:
        """Return the posterior mean of u at points ``(P, d)``, or ``(P,)`` in one dimension.

        Parameters
        ----------
        points : array
        derivative : int or multi-index, optional
            Order of the derivative along each axis.
        """
        return self.posterior.mean(points, derivative)

    def variance(self, points: Any) -> Array:
        """Return the posterior variance of u at `points`."""
        return self.posterior.variance(points)

    def standard_deviation(self, points: Any) -> Array:
        """Return the posterior standard deviation of u at `points`, scaled by the evidence."""
        return self.posterior.variance(points) ** 0.5

    def sample(self, points: Any, count: int = 1, seed: int = 0) -> Array:
        """Draw functions from the posterior and return their values at `points`, shape ``(count, P)``."""
        return self.posterior.sample(points, count, seed)

    def on_grid(self, *axes: Any) -> np.ndarray:
        """Return the posterior mean on a tensor grid, given its coordinates along each axis; shape (n1, ..., nd)."""
        nodes = [np.asarray(axis, dtype=np.float64) for axis in axes]
        if hasattr(self.posterior, "mean_on"):  # one small matrix per axis
            return self.posterior.mean_on(nodes)
        points = np.stack([part.ravel() for part in np.meshgrid(*nodes, indexing="ij")], axis=1)
        return np.asarray(self.posterior.mean(points)).reshape([len(axis) for axis in nodes])

    def interpolate(self, points: Any) -> Array:
        """Return the posterior mean at `points`; every solution of a PDE has this method."""
        return self.posterior.mean(points)

    def plot(self) -> Figure:
        """Return a matplotlib figure of the mean and its standard deviation, the nodes, and the residual history."""
        from ritz.plotting.posterior_plot import plot_posterior

        scattered = getattr(self.posterior, "observations", None)
        if self.grid is not None:
            points = np.stack(self.grid.coordinates(), axis=1)
        elif scattered is not None:
            points = scattered.points
        else:
            return super().plot()
        return plot_posterior(self, points) if points.shape[1] <= 2 else super().plot()

    @property
    def log_evidence(self) -> float:
        """Log density of the data under the prior."""
        return self.posterior.log_evidence

    @property
    def frequencies(self) -> tuple[np.ndarray, ...]:
        """Angular frequencies of the mixture along each axis."""
        return self.posterior.frequencies

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Weight of each frequency."""
        return self.posterior.weights

    def error(self, exact: Any) -> float:
        """Return ``||x - exact|| / ||exact||`` over the nodes (absolute if `exact` is zero).

        Parameters
        ----------
        exact : array or function
            Values at the nodes, or a function of the coordinates. If the PDE determines u up to a constant only, the
            mean of the function is subtracted.
        """
        if callable(exact) and self.grid is not None:
            exact = evaluate("exact", exact, self.grid.coordinates())
            if self.stats.get("up to a constant"):
                exact = exact - exact.mean()
        return super().error(exact)
