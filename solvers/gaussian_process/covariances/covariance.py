"""Stationary covariances along one axis and their derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import Array, asarray_like, is_torch_array, namespace, to_numpy
from ritz.errors import InvalidProblem

__all__ = ["ENVELOPES", "SpectralMixture", "axis_matrices", "toeplitz"]

ENVELOPES = {"squared-exponential": math.inf, "matern52": 4}
"""Number of derivatives of each envelope at distance zero."""

BLOCK = 2_000_000  # entries of a temporary array


@dataclass(frozen=True, eq=False)
class SpectralMixture:
    r"""Covariance of a process along one axis whose power is concentrated around given frequencies.

    .. math:: k(d) = \sum_q w_q \, e(d / \ell_q) \cos(\omega_q d), \qquad d = x - x',

    where the envelope e is :math:`\exp(-t^2/2)`, whose power spectrum is a mixture of Gaussians
    :cite:`WilsonAdams2013`, or the Matern function of smoothness 5/2, whose spectrum is one of Student-t densities
    :cite:`RasmussenWilliams2006`. A component of frequency 0 is the plain squared exponential or Matern covariance.

    Parameters
    ----------
    weights : array, shape (Q,)
        Variance of each component, in squared units of u; not negative.
    frequencies : array, shape (Q,)
        Angular frequencies, in radians per unit length.
    lengthscales : array, shape (Q,)
        Lengthscale of each envelope, in units of length; positive.
    envelope : {"squared-exponential", "matern52"}

    Raises
    ------
    InvalidProblem
        If arrays are empty, differ in shape, are not finite or out of range.
    UnknownName
        If the envelope is unknown.

    Notes
    -----
    The fields may be NumPy arrays or torch tensors; values are returned as the same kind, and torch differentiates
    through them. Time and memory are O(Q) per distance.

    Examples
    --------
    >>> tone = SpectralMixture([1.0], [100.0], [6.0])
    >>> tone(np.array([0.0, np.pi / 100])).round(4).tolist()
    [1.0, -1.0]
    >>> tone.derivative(np.zeros(1), 2).round(1).tolist()
    [-10000.0]
    """

    weights: Array
    frequencies: Array
    lengthscales: Array
    envelope: str = "matern52"

    def __post_init__(self):
        check_choice("envelope", self.envelope, ENVELOPES)
        for name in ("weights", "frequencies", "lengthscales"):
            values = getattr(self, name)
            if not is_torch_array(values):
                values = np.atleast_1d(np.asarray(values, dtype=np.float64))
                object.__setattr__(self, name, values)
            if values.ndim != 1 or values.shape != self.weights.shape or values.shape[0] == 0:
                raise InvalidProblem(
                    f"{name} has shape {tuple(values.shape)} and weights {tuple(self.weights.shape)}; both must be"
                    " (Q,) with Q > 0"
                )
            numbers = to_numpy(values)
            if not np.isfinite(numbers).all():
                raise InvalidProblem(f"{name} has entries that are NaN or infinite")
            if (name != "frequencies" and (numbers < 0.0).any()) or (name == "lengthscales" and (numbers == 0.0).any()):
                least = "positive" if name == "lengthscales" else "non-negative"
                raise InvalidProblem(f"{name} has the entry {numbers.min():g}; they must be {least}")

    @property
    def size(self) -> int:
        """Number of components."""
        return int(self.weights.shape[0])

    @property
    def smoothness(self) -> float:
        """Number of derivatives at distance zero; the process itself has half as many."""
        return ENVELOPES[self.envelope]

    @property
    def variance(self) -> Any:
        """Covariance at distance zero."""
        return self.weights.sum()

    def scaled(self, factor: Any) -> SpectralMixture:
        """Return the covariance multiplied by `factor`."""
        return replace(self, weights=self.weights * factor)

    def with_component(self, weight: float, frequency: float, lengthscale: float) -> SpectralMixture:
        """Return the mixture with one more component."""
        xp = namespace(self.weights)
        added = {"weights": weight, "frequencies": frequency, "lengthscales": lengthscale}
        fields = {name: getattr(self, name) for name in added}
        extended = {
            name: xp.concat([values, asarray_like(np.array([added[name]]), values)]) for name, values in fields.items()
        }
        return replace(self, **extended)

    def check_derivatives(self, order: int) -> None:
        """Raise `InvalidProblem` unless the process has mean-square derivatives up to `order`."""
        if 2 * order > self.smoothness:
            raise InvalidProblem(
                f"envelope {self.envelope!r} has {self.smoothness} derivatives at distance zero; a derivative of order"
                f" {order} on both sides of the covariance takes {2 * order}: use envelope 'squared-exponential'"
            )

    def __call__(self, distance: Array) -> Array:
        """Return the covariance at signed distances, in their shape."""
        return self.derivative(distance, 0)

    def derivative(self, distance: Array, order: int) -> Array:
        r"""Return :math:`k^{(n)}(d)`, the derivative with respect to the signed distance.

        The covariance of the a-th derivative at x with the b-th at x' is :math:`(-1)^b k^{(a+b)}(x-x')`.

        Parameters
        ----------
        distance : array, any shape
        order : int
            At most `smoothness`.

        Returns
        -------
        array
            Shape of `distance`, kind of the fields.
        """
        return self.derivatives(distance, (order,))[0]

    def derivatives(self, distance: Array, orders: Sequence[int]) -> list[Array]:
        """Return several derivatives at signed distances, cheaper than one by one; see `derivative`."""
        if max(orders) > self.smoothness:
            raise InvalidProblem(f"envelope {self.envelope!r} has no derivative of order {max(orders)}")
        distance = asarray_like(distance, self.weights)[..., None]
        xp = namespace(distance)
        angle = self.frequencies * distance
        cosine, sine = xp.cos(angle), xp.sin(angle)
        cycle = (cosine, -sine, -cosine, sine)
        evaluate = _gaussian if self.envelope == "squared-exponential" else _matern52
        envelopes = evaluate(xp, distance, self.lengthscales, max(orders))
        found: list[Array] = []
        for order in orders:  # product rule of Leibniz
            terms = [
                math.comb(order, n)
                * envelopes[n]
                * (self.weights * self.frequencies ** (order - n))
                * cycle[(order - n) % 4]
                for n in range(order + 1)
            ]
            found.append(reduce(add, terms).sum(-1))
        return found


def _gaussian(xp: Any, distance: Array, lengthscales: Array, order: int) -> list[Array]:
    """Return the derivatives of exp(-t^2/2) up to `order`, by the recurrence of the Hermite polynomials."""
    t = distance / lengthscales
    found = [xp.exp(-0.5 * t * t)]
    for n in range(order):
        before = found[n - 1] * n / lengthscales if n else 0.0
        found.append(-(t * found[n] + before) / lengthscales)
    return found


def _matern52(xp: Any, distance: Array, lengthscales: Array, order: int) -> list[Array]:
    """Return the derivatives of (1 + t + t^2/3) exp(-t), t = sqrt(5) |d| / l, up to `order`."""
    rate = math.sqrt(5.0) / lengthscales
    t = rate * abs(distance)
    decay = xp.exp(-t)
    signed = xp.sign(distance)
    found: list[Array] = []
    polynomial = np.array([1.0, 1.0, 1.0 / 3.0])
    for n in range(order + 1):
        constant, linear, quadratic = polynomial.tolist()
        value = (constant + t * (linear + t * quadratic)) * decay * rate**n
        found.append(value * signed if n % 2 else value)
        polynomial = np.array([linear, 2.0 * quadratic, 0.0]) - polynomial
    return found


def toeplitz(values: Array, *, odd: bool = False) -> Array:
    """Return the matrix whose entry (i, j) is ``values[i - j]``, for distances ``(i - j) h`` of a uniform grid.

    Parameters
    ----------
    values : array, shape (n,)
        Values at the distances 0, h, 2 h, ...
    odd : bool
        Whether the function is odd, as derivatives of odd order are.

    Examples
    --------
    >>> toeplitz(np.array([0.0, 1.0, 2.0]), odd=True).tolist()
    [[0.0, -1.0, -2.0], [1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]
    """
    size = values.shape[0]
    xp = namespace(values)
    negative = -values[1:] if odd else values[1:]
    mirrored = xp.concat([xp.flip(values), negative])
    if is_torch_array(values):
        return mirrored.unfold(0, size, 1).flip(0)
    return np.lib.stride_tricks.sliding_window_view(mirrored, size)[::-1]


def axis_matrices(
    covariance: SpectralMixture, left: np.ndarray, right: np.ndarray, orders: Sequence[int]
) -> list[Array]:
    """Return ``k^(n)(left_i - right_j)``, shape (len(left), len(right)), for each order n.

    If both are the same uniform grid, the n x n matrix is built from its n distances.

    Examples
    --------
    >>> grid = np.linspace(0.0, 1.0, 5)
    >>> [matrix] = axis_matrices(SpectralMixture([1.0], [0.0], [1.0]), grid, grid, [1])
    >>> matrix.round(3).tolist()[0][:3]
    [0.0, 0.371, 0.577]
    """
    if left.shape == right.shape and (left == right).all():
        spacing = uniform_spacing(left)
        if spacing is not None:
            columns = covariance.derivatives(spacing * np.arange(len(left)), orders)
            return [toeplitz(values, odd=order % 2 == 1) for values, order in zip(columns, orders, strict=True)]
    rows = max(1, BLOCK // (len(right) * covariance.size))
    blocks = [
        covariance.derivatives(left[start : start + rows, None] - right, orders) for start in range(0, len(left), rows)
    ]
    if len(blocks) == 1:
        return blocks[0]
    return [namespace(parts[0]).concat(parts) for parts in zip(*blocks, strict=True)]


def uniform_spacing(points: np.ndarray) -> float | None:
    """Return the spacing of an increasing grid that is uniform up to rounding, or None."""
    if len(points) < 3:
        return None
    span = float(points[-1] - points[0])
    spacing = span / (len(points) - 1)
    rounding = 8 * np.finfo(np.float64).eps * max(abs(float(points[0])), abs(float(points[-1])), span)
    uniform = spacing > 0.0 and bool(np.abs(np.diff(points) - spacing).max() <= rounding)
    return spacing if uniform else None
