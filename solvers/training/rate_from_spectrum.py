"""Learning rates from the largest eigenvalue of the Hessian."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ritz.arguments import check_choice, check_number, check_seed
from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators import Hessian, Operator, Tag
from ritz.operators.curvature.torch_parameters import batches
from ritz.solvers.spectrum import lanczos

from .sample_derivatives import tensors_in

__all__ = ["LearningRate", "learning_rate"]

SCALING = {"sgd": 1.0, "adam": 0.5}  # exponent of the batch size in the learning rate
LIMITS = {"sgd": 2.0, "adam": 38.0}  # learning rate times largest eigenvalue at the limit; Adam with momentum 0.9
SHARE = 0.1  # fraction of the limit to recommend, as eigenvalues grow during training
FEWEST = 8  # batches for Adam's scales
FLOOR = 1e-3  # added to Adam's scales relative to their mean, for parameters with zero gradients


@dataclass(frozen=True)
class LearningRate:
    """A recommended learning rate and the curvature it derives from.

    Attributes
    ----------
    value : float
        Recommended learning rate.
    limit : float
        Rate beyond which steps in the sharpest direction diverge on a quadratic loss.
    largest, standard_error : float
        Mean over the batches of the largest eigenvalue of the Hessian (scaled, for Adam), and its standard error.
    batch_size : float
        Mean number of samples per batch.
    optimizer : str
    products : int
        Number of products with the Hessian of a batch.
    full_limit : float
        As `limit`, for the Hessian of all batches together.
    """

    value: float
    limit: float
    largest: float
    standard_error: float
    batch_size: float
    optimizer: str
    products: int
    full_limit: float

    def for_batch(self, size: float) -> float:
        """Return the rate for another batch size, valid while batch noise dominates the eigenvalues.

        The rate is linear in the size for stochastic gradient descent and grows like its square root for Adam
        :cite:`GranziolEtAl2022`. It is at most `full_limit`, which larger batches cannot exceed.

        Raises
        ------
        InvalidProblem
            If `size` is not a positive number.
        """
        size = check_number("size", size, 0.0)
        return min(self.value * (size / self.batch_size) ** SCALING[self.optimizer], self.full_limit)

    def __str__(self) -> str:
        return f"{self.value:.3g} for {self.optimizer} (limit {self.limit:.3g}, batches of {self.batch_size:g})"


def learning_rate(
    loss: Callable[..., torch.Tensor],
    parameters: Any,
    data: Iterable[Any] | None = None,
    optimizer: str = "sgd",
    *,
    steps: int = 20,
    seed: int = 0,
) -> LearningRate:
    r"""Return the learning rate that the curvature of single batches allows.

    Gradient descent is stable along an eigenvector with eigenvalue λ for rates up to :math:`2/\lambda`. The Hessians
    of small batches have larger eigenvalues than that of all data, and these limit the rate
    :cite:`GranziolEtAl2022`. The largest eigenvalue of each batch is computed with `steps` Lanczos steps. A tenth of
    the limit is recommended, as λ grows during training. Adam divides steps by the magnitudes D of the gradients,
    taken here as their root mean square over the batches, and :math:`D^{-1/2}HD^{-1/2}` replaces the Hessian H; with
    its usual momentum the limit is 38/λ :cite:`CohenEtAl2022`. Few gradients leave some entries of D far too small and
    the rate with them: four to eight times from a single one.

    Parameters
    ----------
    loss, parameters, data
        As for `ritz.operators.Hessian`; `data` holds the batches, of which a few are enough.
    optimizer : str
        ``"sgd"`` or ``"adam"``.
    steps : int
        Lanczos steps per batch.
    seed : int
        Seed of the starting vectors.

    Returns
    -------
    LearningRate

    Raises
    ------
    InvalidProblem
        If no direction has positive curvature, or `Hessian` refuses the arguments.
    UnknownName
        If the optimiser is neither.

    Warns
    -----
    UserWarning
        If there are fewer than eight batches for Adam.

    Examples
    --------
    >>> found = learning_rate(lambda x: 2.0 * x[0] ** 2 + 0.5 * x[1] ** 2, torch.ones(2, dtype=torch.float64))
    >>> round(found.value, 6), round(found.limit, 6)
    (0.05, 0.5)
    """
    check_choice("optimizer", optimizer, SCALING)
    check_seed(seed)
    given = batches(data, "mean")
    operators: list[Operator] = []
    gradients: list[np.ndarray] = []
    for batch in given:
        own = None if data is None else [batch.arguments[0]]
        hessian = Hessian(loss, parameters, own, chunk=1)
        operators.append(hessian)
        gradients.append(hessian.gradient)
    if optimizer == "adam":
        if len(given) < FEWEST:
            warnings.warn(
                f"data holds {len(given)} of the {FEWEST} batches that Adam's scales need: the rate may be several"
                " times too small",
                UserWarning,
                stacklevel=2,
            )
        size = np.sqrt(np.mean(np.square(gradients), axis=0))
        if not size.any():
            raise InvalidProblem("every gradient is zero: Adam's scales are undefined at these parameters")
        scale = 1.0 / np.sqrt(size + FLOOR * size.mean())
        operators = [_Rescaled(each, scale) for each in operators]
    found = [lanczos(each, steps=steps, seed=seed) for each in operators]
    largest = np.array([float(np.linalg.eigvalsh(each.projected)[-1]) for each in found])
    mean = float(largest.mean())
    if not mean > 0.0:
        raise InvalidProblem(
            f"the largest eigenvalue is {mean:.3g}: no direction has positive curvature here, so none limits the rate"
        )
    limit = LIMITS[optimizer] / mean
    error = float(largest.std(ddof=1) / len(largest) ** 0.5) if len(largest) > 1 else float("inf")
    full = found[0]
    if len(operators) > 1:
        parts = [each.weight * operator for each, operator in zip(given, operators, strict=True)]
        full = lanczos(sum(parts[1:], start=parts[0]), steps=steps, seed=seed)
    sharpest = float(np.linalg.eigvalsh(full.projected)[-1])
    full_limit = LIMITS[optimizer] / sharpest if sharpest > 0.0 else float("inf")
    samples = 1.0 if data is None else float(np.mean([_samples(each.arguments[0]) for each in given]))
    products = sum(each.products for each in found) + full.products * len(found) * (len(found) > 1)
    return LearningRate(SHARE * limit, limit, mean, error, samples, optimizer, products, full_limit)


class _Rescaled(Operator):
    """The product of a diagonal matrix, a symmetric operator and the same diagonal matrix."""

    def __init__(self, operator: Operator, scale: np.ndarray):
        self._operator, self._scale = operator, scale
        self.shape, self.dtype = operator.shape, operator.dtype
        self.tags = frozenset({Tag.SYMMETRIC})

    def _apply(self, x: Array) -> Array:
        scale = self._scale if x.ndim == 1 else self._scale[:, None]
        return scale * (self._operator @ (scale * x))


def _samples(batch: Any) -> int:
    leaves = tensors_in(batch)
    return len(leaves[0]) if leaves and leaves[0].ndim else 1
