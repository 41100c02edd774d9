"""Learning rates from the largest eigenvalue of the curvature."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ritz.backend import Array
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Hessian, Operator, Tag
from ritz.operators.curvature.torch_parameters import batches
from ritz.solvers.spectrum import lanczos

from .sample_derivatives import tensors_in

__all__ = ["LearningRate", "learning_rate"]

SCALING = {"sgd": 1.0, "adam": 0.5}  # power of the batch size that rates grow with
LIMITS = {"sgd": 2.0, "adam": 38.0}  # of the rate times the largest eigenvalue; Adam's with its usual momentum, 0.9
SHARE = 0.1  # of the limit that is advised, as eigenvalues grow in training
FLOOR = 1e-3  # of the mean size of gradients, for entries that have none


@dataclass(frozen=True)
class LearningRate:
    """A learning rate, and what it was found from.

    Attributes
    ----------
    value : float
        What is advised.
    limit : float
        The rate beyond which steps in the sharpest direction grow, on a quadratic loss.
    largest, standard_error : float
        Mean over the batches of the largest eigenvalue of their (for Adam: scaled) Hessians.
    batch_size : float
        Mean number of samples in them.
    optimizer : str
    products : int
        With Hessians.
    """

    value: float
    limit: float
    largest: float
    standard_error: float
    batch_size: float
    optimizer: str
    products: int

    def for_batch(self, size: float) -> float:
        """Return the rate for batches of another size, as long as the noise of batches rules the eigenvalues.

        Linear in the size for stochastic gradient descent, like its square root for Adam :cite:`GranziolEtAl2022`.
        """
        if not size > 0:
            raise InvalidProblem(f"size is {size!r}; it must be positive")
        return self.value * (size / self.batch_size) ** SCALING[self.optimizer]

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

    Gradient descent is stable in the direction of an eigenvalue λ for rates up to :math:`2/\lambda`; the Hessians of
    small batches have larger ones than that of all data, which is what limits the rate :cite:`GranziolEtAl2022`. The
    largest is found by `steps` products of Lanczos with each batch, and a tenth of the limit is advised, since λ grows
    in training. Adam divides steps by the sizes of gradients D, here their root mean square over the batches, so that
    :math:`D^{-1/2}HD^{-1/2}` counts; with its momentum the limit is 38/λ :cite:`CohenEtAl2022`.

    Parameters
    ----------
    loss, parameters, data
        As for `ritz.operators.Hessian`; `data` are the batches, a few of which are enough.
    optimizer : str
        ``"sgd"`` or ``"adam"``.
    steps : int
    seed : int

    Returns
    -------
    LearningRate

    Raises
    ------
    InvalidProblem
        If no direction has positive curvature, and as `Hessian` does.
    UnknownName
        For another optimiser.

    Examples
    --------
    >>> found = learning_rate(lambda x: 2.0 * x[0] ** 2 + 0.5 * x[1] ** 2, torch.ones(2, dtype=torch.float64))
    >>> round(found.value, 6), round(found.limit, 6)
    (0.05, 0.5)
    """
    if optimizer not in SCALING:
        raise UnknownName("optimizer", optimizer, SCALING)
    given = batches(data, "mean")
    operators: list[Operator] = []
    gradients: list[np.ndarray] = []
    for batch in given:
        own = None if data is None else [batch.arguments[0]]
        hessian = Hessian(loss, parameters, own, chunk=1)
        operators.append(hessian)
        gradients.append(hessian.gradient)
    if optimizer == "adam":
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
    samples = 1.0 if data is None else float(np.mean([_samples(each.arguments[0]) for each in given]))
    products = sum(each.products for each in found)
    return LearningRate(SHARE * limit, limit, mean, error, samples, optimizer, products)


class _Rescaled(Operator):
    """A symmetric operator between two copies of a diagonal one."""

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
