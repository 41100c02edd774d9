"""Moments of the couplings of unknowns, which tell how hard a matrix is for methods that multiply by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Couplings", "couplings_of"]

SAMPLE = 800  # rows that are looked at
WIDE = 100.0  # ratio of the couplings in a row above which they count as wide
NEARLY = 1.5  # row sum of magnitudes up to which nine rows of ten may come for the diagonal to be nearly dominant


@dataclass(frozen=True)
class Couplings:
    """Moments of the off-diagonal entries of a matrix over its diagonal, of a typical row.

    Parameters
    ----------
    coherent : float
        What the couplings take away from a constant: minus their sum. 1 for a Laplacian, less with a positive shift,
        more with a negative one, negative for mass matrices.
    random : float
        Root of the sum of squares, with both diagonals: what couplings of random signs take away
        :cite:`Ginibre1965`. About 0.5 for a Laplacian, above 0.75 for equations of fourth order and ill-posed ones.
    magnitude, largest : float
        Sum of magnitudes, in a typical row and in nine rows of ten.
    dominated : float
        Share of the rows with a sum of magnitudes of at most one.
    negative : bool
        Whether a diagonal entry is zero or not positive.
    wide : bool
        Whether the couplings within most rows differ by orders of magnitude.
    """

    coherent: float
    random: float
    magnitude: float
    largest: float
    dominated: float
    negative: bool
    wide: bool

    @property
    def gap(self) -> float:
        """Estimated distance of the eigenvalues from zero with a unit diagonal; 0 if rows do not tell."""
        mass_like = self.coherent < 0.0 and self.largest <= NEARLY
        if not (self.dominated >= 0.5 or mass_like):
            return 0.0
        return max(0.0, 1.0 - max(self.coherent, self.random))

    @property
    def indefinite(self) -> bool:
        """Whether a constant is taken below zero, as by Helmholtz operators."""
        return self.coherent > 1.003

    @property
    def nearly_dominated(self) -> bool:
        """Whether the diagonal is dominant, or nearly so, in most rows."""
        return self.dominated >= 0.5 or self.largest <= NEARLY

    @property
    def stiff(self) -> bool:
        """Whether methods that multiply need many more iterations than for a Laplacian of the same size."""
        return self.random > 0.75 or self.magnitude > 4.0

    @property
    def mild(self) -> bool:
        """Whether methods that multiply may well succeed, if only by luck with the signs of the couplings."""
        return self.random < 1.05 and self.magnitude < 2.0 and not self.indefinite

    @property
    def lines(self) -> bool:
        """Whether most of the coupling of an unknown is with two others, as in strong anisotropy."""
        return 0.59 < self.random < 0.72 and self.magnitude < 1.6


def couplings_of(matrix: Any, diagonal: np.ndarray) -> Couplings | None:
    """Return the moments of a CSR array with a given diagonal; None if a diagonal entry is zero."""
    sizes = np.abs(diagonal)
    if not sizes.all():
        return None
    n = matrix.shape[0]
    if n > SAMPLE:
        sample = np.linspace(0, n - 1, SAMPLE).astype(np.int64)
        matrix = matrix[sample]
    else:
        sample = np.arange(n)
    counts = np.diff(matrix.indptr)
    with np.errstate(all="ignore"):
        row = np.repeat(np.arange(sample.size), counts)
        own = sizes[sample]
        signed = np.real(matrix.data * np.repeat(np.conj(diagonal[sample]) / own, counts))
        starts = matrix.indptr[:-1]
        magnitudes = np.abs(matrix.data)
        coherent = 1.0 - np.add.reduceat(signed, starts) / own
        magnitude = np.add.reduceat(magnitudes, starts) / own - 1.0
        squares = np.add.reduceat(magnitudes / sizes[matrix.indices] * (magnitudes / own[row]), starts) - 1.0
        typical = float(np.median(coherent)), math.sqrt(max(float(np.median(squares)), 0.0))
        negative = bool((np.real(diagonal) <= 0.0).any())
        middle, largest = np.quantile(magnitude, (0.5, 0.9))
        dominated = float((magnitude <= 1.0 + 1e-6).mean())
        coupled = (matrix.indices != sample[row]) & (magnitudes > 0)
        high = np.maximum.reduceat(np.where(coupled, magnitudes, 0.0), starts)
        low = np.minimum.reduceat(np.where(coupled, magnitudes, np.inf), starts)
        wide = bool(np.median(high / low) > WIDE)
    found = Couplings(*typical, float(middle), float(largest), dominated, negative, wide)
    return found if math.isfinite(sum((*typical, found.magnitude))) else None
