"""How the eigenvalues of a symmetric operator are distributed, by stochastic Lanczos quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.errors import InvalidProblem

from .estimate import Estimate, from_samples
from .products import Products, at_least_one
from .quadrature import stochastic_quadratures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SpectralDensity", "density"]

POINTS = 600  # of a drawn curve


@dataclass(frozen=True)
class SpectralDensity:
    """The distribution of eigenvalues, each counting 1/n, as weighted points.

    Attributes
    ----------
    nodes, weights : ndarray, shape (m,)
        Points and their shares, of all probes together; the weights sum to 1.
    probe : ndarray of int, shape (m,)
        Which probe a node comes from.
    size : int
        n.
    products : int
    """

    nodes: np.ndarray
    weights: np.ndarray
    probe: np.ndarray
    size: int
    products: int

    def expectation(self, function: Callable[[np.ndarray], np.ndarray], rtol: float = 1e-2) -> Estimate:
        """Estimate the mean of a function over the eigenvalues, ``trace(function(A)) / n``.

        Parameters
        ----------
        function : callable
            Takes and returns arrays.
        rtol : float
            Standard error, relative to the mean of absolute values, from which on the estimate counts as converged.

        Raises
        ------
        InvalidProblem
            If the function is not finite on the spectrum.
        """
        values = function_on_spectrum(function, self.nodes)
        count = int(self.probe.max()) + 1
        samples = np.bincount(self.probe, self.weights * values) * count
        scale = float(self.weights @ abs(values))
        return from_samples(samples, self.products, "lanczos quadrature", rtol=rtol, scale=scale)

    def moment(self, order: int) -> Estimate:
        """Estimate the mean of a power of the eigenvalues."""
        return self.expectation(lambda nodes: nodes**order)

    def density(self, x: Any, width: float | None = None) -> np.ndarray:
        """Return the density at the points `x`, every node being spread to a Gaussian.

        Parameters
        ----------
        x : array_like
        width : float, optional
            Standard deviation of the Gaussian; a hundredth of the range of the nodes if left out.
        """
        width = self._width() if width is None else width
        if not width > 0.0:
            raise InvalidProblem(f"width is {width!r}; it must be positive")
        points = np.asarray(x, dtype=np.float64)
        total = np.zeros(points.shape)
        for node, weight in zip(self.nodes, self.weights, strict=True):
            total += weight * np.exp(-0.5 * ((points - node) / width) ** 2)
        return total / (width * (2.0 * np.pi) ** 0.5)

    def cumulative(self, x: Any) -> np.ndarray:
        """Return the share of eigenvalues that are at most `x`."""
        order = np.argsort(self.nodes)
        shares = np.concatenate([[0.0], np.cumsum(self.weights[order])])
        return shares[np.searchsorted(self.nodes[order], np.asarray(x, dtype=np.float64), side="right")]

    def plot(self, axes: Axes | None = None, width: float | None = None, **look: Any) -> Axes:
        """Draw the density, on new axes unless some are given; `look` goes to ``axes.plot``."""
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(layout="constrained").subplots()
        margin = 4.0 * (self._width() if width is None else width)
        x = np.linspace(self.nodes.min() - margin, self.nodes.max() + margin, POINTS)
        axes.plot(x, self.density(x, width), **look)
        axes.set(xlabel="eigenvalue", ylabel="density")
        return axes

    def _width(self) -> float:
        return float(np.ptp(self.nodes)) / 100.0 or max(abs(float(self.nodes[0])), 1.0) / 100.0


def density(A: Any, probes: int = 4, steps: int = 50, *, block: int = 8, seed: int = 0) -> SpectralDensity:
    """Estimate the distribution of the eigenvalues by stochastic Lanczos quadrature :cite:`UbaruChenSaad2017`.

    From each probe, a vector of random signs, the Lanczos process with full re-orthogonalisation gives nodes and
    weights that integrate polynomials of degree below ``2 steps`` exactly. The ends of the spectrum are resolved
    first. Takes ``probes * steps`` products and holds ``min(block, probes) * steps`` vectors of n.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    probes : int
        The error by chance falls with the root of probes times n.
    steps : int
        Nodes from each probe, fewer if the process breaks down.
    block : int
        Probes that are worked on side by side; does not change them.
    seed : int
        Of the probes.

    Returns
    -------
    SpectralDensity

    Raises
    ------
    InvalidProblem
        If A is not symmetric or a product is not finite.

    Examples
    --------
    >>> found = density(np.diag(np.repeat([1.0, 3.0], 50)))
    >>> found.nodes.round(9).tolist()[:2], round(found.moment(0).value, 12)
    ([1.0, 3.0], 1.0)
    """
    products = Products(A, "density")
    count = at_least_one("probes", probes)
    found = stochastic_quadratures(products, count, at_least_one("steps", steps), at_least_one("block", block), seed)
    rules = [each.rule() for each in found]
    return SpectralDensity(
        np.concatenate([nodes for nodes, _ in rules]),
        np.concatenate([weights for _, weights in rules]) / count,
        np.repeat(np.arange(count), [len(nodes) for nodes, _ in rules]),
        products.size,
        products.count,
    )


def function_on_spectrum(function: Callable[[np.ndarray], np.ndarray], nodes: np.ndarray) -> np.ndarray:
    """Return ``function(nodes)``, or say where the function is not finite."""
    with np.errstate(all="ignore"):
        values = np.asarray(function(nodes), dtype=np.float64)
    if values.shape != nodes.shape:
        raise InvalidProblem(f"function returned shape {values.shape} for {nodes.shape}; it must work by elements")
    bad = ~np.isfinite(values)
    if bad.any():
        raise InvalidProblem(
            f"function is {values[bad][0]} at {nodes[bad][0]:.6g}, which lies in the spectrum; it must be finite"
            f" between {nodes.min():.6g} and {nodes.max():.6g}"
        )
    return values
