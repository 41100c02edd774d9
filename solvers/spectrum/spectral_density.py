"""The distribution of the eigenvalues of a symmetric operator, by stochastic Lanczos quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.arguments import check_integer, check_seed
from ritz.errors import InvalidProblem

from .estimate import Estimate, check_options, enlarged, standard_error, truncation_error
from .piecewise_distribution import PiecewiseDistribution, spread
from .probes import rademacher
from .products import Products, scaling_exponent
from .quadrature import EQUAL, shortened_rules, stochastic_quadratures

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
        probe, in units of ``2**exponent``. The weighted nodes match their averages.
    size : int
        n.
    products : int
        Number of products with the operator.
    exact : bool
        Whether the nodes are the eigenvalues themselves.
    shortened : tuple of pairs of ndarray
        Nodes and weights with all steps, and with one and two fifths of them left out; see `expectation`.
    coupling : float
        Norm of the off-diagonal part if all probes agree, as they do for diagonal operators; otherwise 0.
    exponent : int
        0 unless the eigenvalues are beyond 1e100 or 1e-100.
    """

    nodes: np.ndarray
    weights: np.ndarray
    probe: np.ndarray
    distribution: PiecewiseDistribution
    moments: np.ndarray
    size: int
    products: int
    exact: bool
    shortened: tuple[tuple[np.ndarray, np.ndarray], ...]
    coupling: float
    exponent: int

    def expectation(self, function: Callable[[np.ndarray], np.ndarray], rtol: float = 1e-2) -> Estimate:
        """Estimate the mean of a function over the eigenvalues, ``trace(function(A)) / n``.

        The standard error combines the spread of the probes with the error of the quadrature, which is extrapolated
        from its change over the last two fifths of the steps.

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
        if self.exact:
            return Estimate(value, 0.0, self.products, True, "exact")
        with np.errstate(all="ignore"):  # infinite values make the error infinite
            shorter = [float(w @ np.asarray(function(nodes.copy()), dtype=np.float64)) for nodes, w in self.shortened]
            truncation = truncation_error(shorter, scale)
        error = float(np.hypot(self._spread(values), truncation))
        return Estimate(value, error, self.products, error <= rtol * scale, "lanczos quadrature")

    def _spread(self, values: np.ndarray) -> float:
        """Return the standard error of a mean over the probes."""
        count = int(self.probe.max()) + 1
        distances, root = np.ldexp(self.nodes - _middle(self.nodes), -self.exponent), np.sqrt(self.weights)
        reach = float(abs(distances).max()) or 1.0
        if count == 1:
            return np.inf
        unit = scaling_exponent(float(abs(values).max()))
        values = np.ldexp(values, -unit)
        if self.coupling:
            spread = 2.0**0.5 * self.coupling * float(np.ptp(values)) / (2.0 * reach) / self.size
            return float(np.ldexp(enlarged(spread, 1), unit))
        powers = _powers(distances / reach)
        slopes = np.linalg.lstsq(root[:, None] * powers, root * values)[0]
        rest = np.bincount(self.probe, self.weights * (values - powers @ slopes)) * count
        seen = self.moments @ (slopes[1:] / [reach, reach**2])
        return float(np.ldexp(np.hypot(standard_error(rest), standard_error(seen)), unit))

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
    little as possible to match them :cite:`DevilleSarndal1992`. If these are n products or more, the eigenvalues are
    computed exactly with n products instead. Takes ``probes * steps + moment_probes`` products and
    stores ``min(block, probes) * steps`` vectors of length n.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    probes : int
        Number of probes; the random error falls with the square root of `probes` times n.
    steps : int
        Number of nodes per probe; fewer if the process breaks down. From a single one, the error of expectations is
        unknown and said to be infinite.
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
    >>> found = density(np.diag(np.repeat([1.0, 3.0], 500)))
    >>> found.nodes.round(9).tolist()[:2], round(found.moment(0).value, 12)
    ([1.0, 3.0], 1.0)
    >>> bool(density(np.diag(np.linspace(1.0, 2.0, 3000))).distance(np.linspace(1.0, 2.0, 3000)) < 5e-3)
    True
    """
    check_seed(seed)
    products = Products(A, "density")
    check_options(0.0, block)
    count, steps = check_integer("probes", probes), check_integer("steps", steps)
    further = check_integer("moment_probes", moment_probes, 0)
    if products.size <= count * steps + further:
        return _exact(products, block)
    found = stochastic_quadratures(products, count, steps, block, seed)
    rules = [each.rule() for each in found]
    nodes, weights = (np.concatenate(parts) for parts in zip(*rules, strict=True))
    middle = _middle(nodes)
    moments = [[w @ (own - middle), w @ (own - middle) ** 2] for own, w in rules]
    for first in range(count, count + further, block):
        z = rademacher(products.size, first, min(block, count + further - first), seed)
        image = products(z) - middle * z
        moments += (np.stack([(z * image).sum(axis=0), (image**2).sum(axis=0)], axis=1) / products.size).tolist()
    moments = np.array(moments)
    agree = (np.ptp(moments, axis=0) <= EQUAL * abs(moments).max(axis=0)).all()
    coupling = products.off_diagonal(seed) if agree else 0.0
    weights = _calibrated(nodes - middle, weights / count, moments.mean(axis=0))
    lengths = [len(nodes) for nodes, _ in rules]
    own = np.split(weights, np.cumsum(lengths)[:-1])
    spreads = [spread(nodes, w, rule.residuals()) for (nodes, _), w, rule in zip(rules, own, found, strict=True)]
    low, high, mass = (np.concatenate([getattr(each, name) for each in spreads]) for name in ("low", "high", "mass"))
    shortened = [[np.concatenate(parts) for parts in zip(*each, strict=True)] for each in shortened_rules(found)]
    unit = products.exponent
    return SpectralDensity(
        np.ldexp(nodes, unit),
        weights,
        np.repeat(np.arange(count), lengths),
        PiecewiseDistribution(np.ldexp(low, unit), np.ldexp(high, unit), mass),
        moments,
        products.size,
        products.count,
        exact=False,
        shortened=tuple((np.ldexp(nodes, unit), weights / count) for nodes, weights in shortened),
        coupling=coupling,
        exponent=unit,
    )


def _exact(products: Products, block: int) -> SpectralDensity:
    """Return the distribution of the eigenvalues of the matrix."""
    nodes = np.linalg.eigvalsh(products.matrix(block))
    weights = np.full(products.size, 1.0 / products.size)
    unit = scaling_exponent(float(abs(nodes).max()))
    distances = np.ldexp(nodes - _middle(nodes), -unit)
    return SpectralDensity(
        nodes,
        weights,
        np.zeros(products.size, dtype=int),
        PiecewiseDistribution(nodes, nodes, weights),
        np.array([[distances.mean(), (distances**2).mean()]]),
        products.size,
        products.count,
        exact=True,
        shortened=(),
        coupling=0.0,
        exponent=unit,
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
        values = np.array(function(nodes.copy()), dtype=np.float64)
    if values.shape != nodes.shape:
        raise InvalidProblem(f"function returned shape {values.shape} for {nodes.shape}; it must work elementwise")
    bad = ~np.isfinite(values)
    if bad.any():
        raise InvalidProblem(
            f"function is {values[bad][0]} at {nodes[bad][0]:.6g}, which lies in the spectrum; it must be finite"
            f" between {nodes.min():.6g} and {nodes.max():.6g}"
        )
    return values
