"""The distribution of the eigenvalues of a symmetric operator, by stochastic Lanczos quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.arguments import check_integer, check_seed
from ritz.errors import InvalidProblem

from .estimate import Estimate
from .piecewise_distribution import PiecewiseDistribution, spread
from .probes import rademacher
from .products import Products
from .quadrature import stochastic_quadratures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SpectralDensity", "density"]

POINTS = 600  # number of points of a plotted curve


@dataclass(frozen=True)
class SpectralDensity:
    """The distribution of n eigenvalues with weight 1/n each, as weighted points and as a piecewise distribution.

    Attributes
    ----------
    nodes, weights : ndarray, shape (m,)
        Points and their weights, from all probes together; the weights sum to 1.
    probe : ndarray of int, shape (m,)
        Index of the probe that each node comes from.
    distribution : PiecewiseDistribution
        Atoms at isolated eigenvalues, and densities where eigenvalues are close.
    moments : ndarray, shape (k, 2)
        Mean signed distance of the eigenvalues from the midpoint of the nodes, and its mean square, estimated by each
        probe. The weighted nodes match their averages.
    size : int
        n.
    products : int
        Number of products with the operator.
    """

    nodes: np.ndarray
    weights: np.ndarray
    probe: np.ndarray
    distribution: PiecewiseDistribution
    moments: np.ndarray
    size: int
    products: int

    def expectation(self, function: Callable[[np.ndarray], np.ndarray], rtol: float = 1e-2) -> Estimate:
        """Estimate the mean of a function over the eigenvalues, ``trace(function(A)) / n``.

        Parameters
        ----------
        function : callable
            Applied elementwise to arrays.
        rtol : float
            The estimate counts as converged if the standard error, relative to the mean of the absolute values, is at
            most this.

        Raises
        ------
        InvalidProblem
            If the function is not finite on the spectrum.
        """
        values = function_on_spectrum(function, self.nodes)
        value, scale = float(self.weights @ values), float(self.weights @ abs(values))
        count = int(self.probe.max()) + 1
        error = np.inf
        if count > 1:
            distances, root = self.nodes - _middle(self.nodes), np.sqrt(self.weights)
            reach = float(abs(distances).max()) or 1.0
            powers = _powers(distances / reach)
            slopes = np.linalg.lstsq(root[:, None] * powers, root * values)[0]
            rest = np.bincount(self.probe, self.weights * (values - powers @ slopes)) * count
            seen = self.moments @ (slopes[1:] / [reach, reach**2])
            error = float(np.sqrt(rest.var(ddof=1) / count + seen.var(ddof=1) / len(seen)))
        return Estimate(value, error, self.products, error <= rtol * scale, "lanczos quadrature")

    def moment(self, order: int) -> Estimate:
        """Estimate the mean of a power of the eigenvalues."""
        return self.expectation(lambda nodes: nodes**order)

    def density(self, x: Any, width: float | None = None) -> np.ndarray:
        """Return the density at the points `x`, smoothed with a Gaussian.

        Parameters
        ----------
        x : array_like
        width : float, optional
            Standard deviation of the Gaussian; by default, a hundredth of the range of the nodes.
        """
        width = self._width() if width is None else width
        if not width > 0.0:
            raise InvalidProblem(f"width is {width!r}; it must be positive")
        return self.distribution.smoothed(np.asarray(x, dtype=np.float64), width)

    def cumulative(self, x: Any) -> np.ndarray:
        """Return the fraction of eigenvalues that are at most `x`."""
        return self.distribution.cumulative(np.asarray(x, dtype=np.float64))

    def distance(self, eigenvalues: Any) -> float:
        """Return the Wasserstein-1 distance to a known spectrum, shape (n,): the mean error of the eigenvalues."""
        return self.distribution.distance(np.asarray(eigenvalues, dtype=np.float64))

    def plot(self, axes: Axes | None = None, width: float | None = None, **look: Any) -> Axes:
        """Plot the density on the given or new axes; `look` is passed on to ``axes.plot``."""
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


def density(
    A: Any, probes: int = 4, steps: int = 50, *, moment_probes: int = 32, block: int = 8, seed: int = 0
) -> SpectralDensity:
    """Estimate the distribution of the eigenvalues by stochastic Lanczos quadrature :cite:`UbaruChenSaad2017`.

    From each probe, a vector of random signs, the Lanczos process with full re-orthogonalisation yields nodes and
    weights that integrate polynomials of degree below ``2 steps`` exactly. The ends of the spectrum are resolved
    first. Most of the random error is in the lowest moments, which need the fewest products. Their averages are
    therefore taken over more probes, with one product each :cite:`HallmanTroester2022`, and the weights are adjusted as
    little as possible to match them :cite:`DevilleSarndal1992`. Takes ``probes * steps + moment_probes`` products and
    stores ``min(block, probes) * steps`` vectors of length n.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    probes : int
        Number of probes; the random error falls with the square root of `probes` times n.
    steps : int
        Number of nodes per probe; fewer if the process breaks down.
    moment_probes : int
        Number of further probes, with one product each, for the mean and mean square of the eigenvalues; may be 0.
    block : int
        Number of probes processed together; does not change them.
    seed : int
        Seed of the probes.

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
    >>> bool(density(np.diag(np.linspace(1.0, 2.0, 3000))).distance(np.linspace(1.0, 2.0, 3000)) < 5e-3)
    True
    """
    check_seed(seed)
    products = Products(A, "density")
    count, width = check_integer("probes", probes), check_integer("block", block)
    further = check_integer("moment_probes", moment_probes, 0)
    found = stochastic_quadratures(products, count, check_integer("steps", steps), width, seed)
    rules = [each.rule() for each in found]
    nodes, weights = (np.concatenate(parts) for parts in zip(*rules, strict=True))
    middle = _middle(nodes)
    moments = [[w @ (own - middle), w @ (own - middle) ** 2] for own, w in rules]
    for first in range(count, count + further, width):
        z = rademacher(products.size, first, min(width, count + further - first), seed)
        image = products(z) - middle * z
        moments += (np.stack([(z * image).sum(axis=0), (image**2).sum(axis=0)], axis=1) / products.size).tolist()
    weights = _calibrated(nodes - middle, weights / count, np.mean(moments, axis=0))
    lengths = [len(nodes) for nodes, _ in rules]
    own = np.split(weights, np.cumsum(lengths)[:-1])
    spreads = [spread(nodes, w, rule.residuals()) for (nodes, _), w, rule in zip(rules, own, found, strict=True)]
    stretches = [np.concatenate([getattr(each, name) for each in spreads]) for name in ("low", "high", "mass")]
    return SpectralDensity(
        nodes,
        weights,
        np.repeat(np.arange(count), lengths),
        PiecewiseDistribution(*stretches),
        np.array(moments),
        products.size,
        products.count,
    )


def _middle(nodes: np.ndarray) -> float:
    return 0.5 * float(nodes.min() + nodes.max())


def _powers(nodes: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(nodes), nodes, nodes**2], axis=1)


def _calibrated(nodes: np.ndarray, weights: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return non-negative weights with the given first two moments, changed by factors as close to 1 as possible."""
    scale = float(abs(nodes).max())
    if scale == 0.0:
        return weights
    powers = _powers(nodes / scale)
    lacking = np.array([1.0, moments[0] / scale, moments[1] / scale**2]) - powers.T @ weights
    factors = powers @ np.linalg.lstsq(powers.T @ (weights[:, None] * powers), lacking)[0]
    return weights * (1.0 + factors / max(1.0, -float(factors.min())))


def function_on_spectrum(function: Callable[[np.ndarray], np.ndarray], nodes: np.ndarray) -> np.ndarray:
    """Return ``function(nodes)``; raise `InvalidProblem` if it is not finite or not elementwise."""
    with np.errstate(all="ignore"):
        values = np.asarray(function(nodes), dtype=np.float64)
    if values.shape != nodes.shape:
        raise InvalidProblem(f"function returned shape {values.shape} for {nodes.shape}; it must work elementwise")
    bad = ~np.isfinite(values)
    if bad.any():
        raise InvalidProblem(
            f"function is {values[bad][0]} at {nodes[bad][0]:.6g}, which lies in the spectrum; it must be finite"
            f" between {nodes.min():.6g} and {nodes.max():.6g}"
        )
    return values
