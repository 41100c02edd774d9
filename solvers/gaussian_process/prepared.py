"""A Gaussian process, ready for the data of a PDE."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array
from ritz.boundary import AXES
from ritz.errors import AliasingWarning, IllConditionedWarning, InvalidProblem
from ritz.grid import Grid
from ritz.iteration import check_tolerances, iteration_limit
from ritz.pde import PDE
from ritz.progress import ResidualProgress
from ritz.solution import Status
from ritz.solver import Callback, registered_name

from .candidates import data_spectra, given_features, tried_features
from .choice import Chosen, choose
from .grid_data import GridData, grid_data
from .solution import PosteriorSolution
from .spectrum import Spectrum

if TYPE_CHECKING:
    from .gaussian_process import KroneckerGP

__all__ = ["PreparedGP"]

REFINED = {1: (129, 257, 513, 1025, 2049), 2: (65, 129, 257, 513), 3: (33, 65)}  # nodes tried along an axis
RESOLVED = 0.1  # residual between the nodes, by the tolerance, that no finer grid is tried for
CLOSE = 0.8  # share of the highest frequency of a grid above which one found may be an alias
STRONG = 1e-3  # relative amplitude of a tone that counts for that
LOST = 1e-3  # relative residual between the nodes that gives an alias away
UNDETERMINED = 0.01  # standard deviation, relative to the mean, that data meant to be exact do not leave
RESONANT = 1e12  # condition of an equation at a resonance
NOISY = 2.0  # residual, in standard deviations of the noise, that noise explains


@dataclass(frozen=True, eq=False)
class PreparedGP:
    """A solver and a problem that fit.

    Parameters
    ----------
    solver : KroneckerGP
    pde : PDE
    frequencies : tuple of ndarray, optional
        Those given.
    """

    solver: KroneckerGP
    pde: PDE
    frequencies: tuple[np.ndarray, ...] | None

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> PosteriorSolution:
        """Condition on the PDE.

        Parameters
        ----------
        rhs : array, optional
            Measured values of the source at the nodes, ends counted; the PDE's own source if None.
        x0 : array, optional
            Values at the nodes that a nonlinear equation starts from.
        rtol, atol : float
            The residual, at the nodes and between them, is to be at most ``max(rtol size, atol)``, the size being
            that of the largest term of the equation; with noise, what the noise explains.
        maxiter : int, optional
            Newton steps.
        callback : callable, optional
            ``callback(iteration, u at the nodes, relative residual) -> stop?``, for nonlinear equations.
        progress : bool
        """
        check_tolerances(rtol, atol, np.dtype(np.float64))
        iteration_limit(maxiter, 1)
        start = time.perf_counter()
        with ResidualProgress(progress, registered_name(self.solver), rtol) as line:
            for shape in self._shapes(rhs):
                data = self._data(shape, rhs)
                spectra = data_spectra(data, self.solver.max_components)
                priors = (
                    tried_features(data, spectra)
                    if self.frequencies is None
                    else given_features(data, self.frequencies)
                )
                begin = None if x0 is None else _start(x0, data)
                chosen = choose(
                    data, priors, self._noise, start=begin, maxiter=maxiter, callback=callback, progress=line
                )
                if chosen.unseen <= RESOLVED * rtol or chosen.interrupted:
                    break
        status, residual = self._judge(data, chosen, rtol, atol)
        self._warn(data, spectra, chosen, status)
        posterior = chosen.posterior
        x = posterior.mean_on(data.axes).ravel()
        if data.singular:
            x = x - x.mean()
        stats = {
            "method": self.solver.method,
            "shape": data.shape,
            "frequencies": tuple(len(values) - 1 for values in posterior.frequencies),
            "tried": chosen.tried,
            "train residual": posterior.residual(data),
            "held-out residual": chosen.unseen,
            "noise": posterior.noise,
            "condition": posterior.condition,
            "log evidence": posterior.log_evidence,
        }
        if not data.measured:
            stats["off-grid residual"] = chosen.unseen
        if data.singular:
            stats["up to a constant"] = True
        return PosteriorSolution(
            x=asarray_like(x, rhs) if rhs is not None and is_torch_array(rhs) else x,
            status=status,
            iterations=len(posterior.history) - 1,
            residual=residual,
            history=posterior.history,
            timings={"prepare": 0.0, "solve": time.perf_counter() - start},
            stats=stats,
            solver=registered_name(self.solver),
            grid=Grid(data.axes),
            posterior=posterior,
        )

    @property
    def _noise(self) -> float | Literal["learn"]:
        return "learn" if self.solver.noise == "learn" else float(self.solver.noise)

    def _shapes(self, rhs: Any) -> Sequence[Any]:
        """Return the numbers of nodes along the axes to try; None stands for those of the solver's points."""
        given, dimension = self.solver.shape, self.pde.dimension
        if self.solver.points is not None:
            return [None]
        if given is None:
            if rhs is None:
                return [(count,) * dimension for count in REFINED[dimension]]
            if np.ndim(rhs) == dimension:
                return [tuple(np.shape(rhs))]
            raise InvalidProblem(f"rhs has {np.ndim(rhs)} axes and the PDE {dimension}: give the solver its shape")
        counts = (given,) * dimension if isinstance(given, Integral) else tuple(given)  # pyright: ignore
        if len(counts) != dimension or not all(isinstance(n, Integral) and n >= 4 for n in counts):
            raise InvalidProblem(f"shape is {given!r}; give at least 4 nodes along each of {dimension} axes")
        return [tuple(int(n) for n in counts)]  # pyright: ignore

    def _data(self, shape: Any, rhs: Any) -> GridData:
        if shape is not None:
            axes = [np.linspace(*ends, count) for ends, count in zip(self.pde.domain, shape, strict=True)]
            return grid_data(self.pde, axes, rhs)
        points = self.solver.points
        axes = [points] if self.pde.dimension == 1 and np.ndim(points) == 1 else list(points)
        if len(axes) != self.pde.dimension:
            raise InvalidProblem(
                f"points has {len(axes)} arrays; give increasing coordinates along each of {self.pde.dimension} axes"
                " (scattered points are for method='dense')"
            )
        return grid_data(self.pde, axes, rhs)

    def _judge(self, data: GridData, chosen: Chosen, rtol: float, atol: float) -> tuple[Status, float]:
        posterior = chosen.posterior
        absolute, size = posterior.misfit(data)
        residual = absolute / size
        if not data.measured:
            residual = max(residual, chosen.unseen)
        allowed = max(rtol, atol / size)
        if self._noise:
            allowed = max(allowed, NOISY * posterior.noise * data.source.size**0.5 / size)
        if not np.isfinite(residual):
            return Status.NON_FINITE, residual
        if chosen.interrupted:
            return Status.INTERRUPTED, residual
        if posterior.condition > RESONANT and data.dimension > 1 and not data.singular:
            return Status.SINGULAR, residual
        if residual <= allowed:
            return Status.CONVERGED, residual
        settled = (Status.CONVERGED, Status.STAGNATED)
        return Status.STAGNATED if posterior.status in settled else posterior.status, residual

    def _warn(self, data: GridData, spectra: Sequence[Spectrum], chosen: Chosen, status: Status) -> None:
        if status is Status.SINGULAR:
            warnings.warn(
                f"an eigenvalue of the equation is {1 / chosen.posterior.condition:.0e} of the largest (resonance): the"
                " solution along its eigenfunction is not determined",
                IllConditionedWarning,
                stacklevel=4,
            )
        for axis, spectrum, points in zip(AXES, spectra, data.axes, strict=False):
            strong = spectrum.frequencies[spectrum.amplitudes >= STRONG * spectrum.amplitudes.max(initial=0.0)]
            highest = float(strong.max(initial=0.0))
            density = 2 * np.pi * (len(points) - 1) / (points[-1] - points[0]) / highest if highest else np.inf
            if data.measured and highest > CLOSE * spectrum.nyquist:
                warnings.warn(
                    f"the source has a frequency of {highest:.4g} along {axis}, {density:.2f} nodes a wavelength: on"
                    " this grid it cannot be told from one beyond two nodes a wavelength. Use a finer grid, or uneven"
                    " nodes",
                    AliasingWarning,
                    stacklevel=4,
                )
            elif not data.measured and chosen.unseen > LOST and chosen.posterior.residual(data) < 1e-3 * chosen.unseen:
                warnings.warn(
                    f"the mean solves the equation at the nodes, and misses it by {chosen.unseen:.1e} between them: the"
                    f" frequency of {highest:.4g} found along {axis} ({density:.2f} nodes a wavelength) may be the alias"
                    " of a higher one. Use a finer grid",
                    AliasingWarning,
                    stacklevel=4,
                )


def _start(x0: Any, data: GridData) -> np.ndarray:
    values = np.asarray(x0, dtype=np.float64)
    if values.size != data.source.size or not np.isfinite(values).all():
        raise InvalidProblem(f"x0 has shape {values.shape}; it must hold {data.source.size} finite values at the nodes")
    return values.reshape(data.shape)
