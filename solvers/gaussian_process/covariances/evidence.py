"""Hyperparameters of a Gaussian process that maximise the evidence of a PDE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.backend import asarray_like, namespace, single_blas_thread, single_torch_thread
from ritz.errors import InvalidProblem

from .covariance import SpectralMixture
from .dense_posterior import JITTER, DensePosterior, condition_on
from .functionals import Functional, gram_matrix
from .gram import factorise
from .observations import Observations

__all__ = ["maximise_evidence"]

FIRST_NOISE = 0.1  # relative to the source; from a smaller start, the prior comes to explain the noise


def maximise_evidence(
    observations: Observations,
    covariances: Sequence[SpectralMixture],
    *,
    noise: float = 0.0,
    learn_noise: bool = False,
    learn_frequencies: bool = True,
    jitter: float = JITTER,
    maxiter: int = 15,
) -> DensePosterior:
    r"""Condition on a PDE with the hyperparameters that maximise its evidence.

    Weights, lengthscales, non-zero frequencies and, on request, the noise maximise
    :math:`-\tfrac12 y^TK^{-1}y-\tfrac12\log\det K` :cite:`RasmussenWilliams2006` for the data y, by L-BFGS. The
    gradient is that of the sum of :math:`G\circ K` for :math:`G=\tfrac12(\alpha\alpha^T-K^{-1})` held fixed,
    :math:`\alpha=K^{-1}y`; no factorisation is differentiated. A reaction is linearised around the mean under the
    given hyperparameters.

    Parameters
    ----------
    observations : Observations
        See `observe`.
    covariances : sequence of SpectralMixture
        Start. The evidence has many maxima in the frequencies, so these should come from a periodogram.
    noise : float
        Standard deviation of the noise of the source, or its initial value if it is learned; 0 then means a tenth of
        the size of the source.
    learn_noise : bool
    learn_frequencies : bool
    jitter : float
        See `condition`.
    maxiter : int
        Maximum number of L-BFGS iterations; each takes one or two factorisations of O(M^3) time.

    Returns
    -------
    DensePosterior
        Posterior whose evidence is at least that of `covariances`.

    Examples
    --------
    >>> from ritz import PDE
    >>> from ritz.solvers.gaussian_process.covariances.observations import observe
    >>> bar = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: -400 * np.sin(20 * x), boundary=lambda x: np.sin(20 * x))
    >>> start = SpectralMixture([1.0, 1.0], [20.3, 0.0], [4.0, 1.0])
    >>> posterior = maximise_evidence(observe(bar, np.linspace(0.0, 1.0, 30)), [start])
    >>> posterior.frequencies[0].round(1).tolist()
    [20.0, 0.0]
    """
    from scipy.optimize import minimize

    if learn_noise and noise == 0.0:
        noise = FIRST_NOISE * (float(np.sqrt((observations.source**2).mean())) or 1.0)
    first = condition_on(observations, covariances, noise, jitter)
    layout = _Layout(first, learn_frequencies, learn_noise)
    values = first.values
    objective = _Evidence(
        layout, first.functionals, values, observations.noise_variance(1.0), max(10.0 * first.gram.jitter, 1e-12)
    )
    limits = {"maxiter": maxiter, "maxfun": 3 * maxiter, "maxcor": 20}
    with single_blas_thread(), single_torch_thread():
        minimize(objective, layout.start, jac=True, method="L-BFGS-B", options=limits)
    learned, noise = layout.read(objective.best)
    last = condition_on(observations, learned, noise, jitter)
    return last if last.log_evidence > first.log_evidence else first


@dataclass(frozen=True, eq=False)
class _Hyperparameter:
    """Entries of the parameter vector that belong to one field of the covariance of an axis."""

    axis: int
    field: str
    where: np.ndarray  # indices of the learned components
    reference: np.ndarray
    unit: float  # unit of frequencies; 0 for logarithms


class _Layout:
    """Hyperparameters as a vector that starts at 0: logarithms of ratios, and frequencies in units of 1/length."""

    def __init__(self, posterior: DensePosterior, learn_frequencies: bool, learn_noise: bool):
        self.covariances, self.noise, self.learn_noise = posterior.covariances, posterior.noise, learn_noise
        self.parts: list[_Hyperparameter] = []
        for axis, (covariance, (lower, upper)) in enumerate(
            zip(self.covariances, posterior.observations.pde.domain, strict=True)
        ):
            for field in ("weights", "lengthscales", "frequencies"):
                reference = getattr(covariance, field)
                learned = reference != 0.0 if field != "frequencies" else (reference != 0.0) & learn_frequencies
                unit = 1.0 / (upper - lower) if field == "frequencies" else 0.0
                self.parts.append(_Hyperparameter(axis, field, np.flatnonzero(learned), reference, unit))
        self.start = np.zeros(sum(len(part.where) for part in self.parts) + learn_noise)

    def read(self, vector: Any) -> tuple[list[SpectralMixture], Any]:
        """Return covariances and noise, NumPy or torch as `vector`."""
        xp = namespace(vector)
        fields: list[dict[str, Any]] = [{} for _ in self.covariances]
        begin = 0
        for part in self.parts:
            change = vector[begin : begin + len(part.where)]
            begin += len(part.where)
            spread = asarray_like(np.eye(len(part.reference))[:, part.where], vector) @ change
            reference = asarray_like(part.reference, vector)
            values = reference + part.unit * spread if part.unit else reference * xp.exp(spread)
            fields[part.axis][part.field] = values
        covariances = [replace(old, **new) for old, new in zip(self.covariances, fields, strict=True)]
        return covariances, self.noise * xp.exp(vector[-1]) if self.learn_noise else self.noise


class _Evidence:
    """Negative log evidence per datum, with its gradient; keeps the best point evaluated."""

    def __init__(
        self,
        layout: _Layout,
        functionals: Sequence[Functional],
        values: np.ndarray,
        noisy: np.ndarray,
        jitter: float,
    ):
        self.layout, self.functionals, self.values, self.noisy, self.jitter = (
            layout,
            functionals,
            values,
            noisy,
            jitter,
        )
        self.best, self.least = layout.start, math.inf

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        import torch

        hyperparameters = torch.tensor(vector, requires_grad=True)
        try:
            covariances, noise = self.layout.read(hyperparameters)
            matrix: Any = gram_matrix(covariances, self.functionals)
            matrix = matrix + torch.diag(noise**2 * torch.as_tensor(self.noisy) + self.jitter * matrix.diagonal())
            gram = factorise(matrix.detach().numpy(), jitter=0.0, largest=0.0)
        except InvalidProblem:  # step too long: a large value makes the line search backtrack
            return 1e10, np.zeros_like(vector)
        alpha = gram.solve(self.values)
        count = len(alpha)
        misfit = 0.5 * (float(self.values @ alpha) + gram.log_determinant) / count
        weights = 0.5 * (gram.inverse - np.outer(alpha, alpha)) / count
        matrix.backward(torch.as_tensor(weights))
        if misfit < self.least:
            self.best, self.least = vector.copy(), misfit
        assert hyperparameters.grad is not None
        return misfit, hyperparameters.grad.numpy().copy()
