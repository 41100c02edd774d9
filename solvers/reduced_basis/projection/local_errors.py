"""Errors of a regression at its training points, and what they say of the points between."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["LocalErrors"]

ROUNDING = 1e-8  # relative error that radial basis functions leave at best, since their matrices are ill-conditioned


@dataclass(frozen=True, eq=False)
class LocalErrors:
    """Relative errors of states that a regression predicts, estimated from those of the nearest training points.

    An error of cross-validation belongs to a point whose nearest neighbour is one spacing away. In between, the error
    of the coefficients grows in proportion to the distance from the nearest training point, up to that value.

    Parameters
    ----------
    points : ndarray, shape (count, p)
        Training points in the unit box.
    regression : ndarray, shape (count,)
        Relative errors of the coefficients in cross-validation.
    projection : ndarray, shape (count,)
        Relative projection errors of the snapshots.

    Examples
    --------
    Errors that grow from left to right:

    >>> x = np.linspace(0.0, 1.0, 11)
    >>> errors = LocalErrors(x[:, None], 0.1 * x, 0.0 * x)
    >>> errors(np.array([[0.25], [0.75]])).round(4).tolist()
    [0.0125, 0.0375]
    """

    points: np.ndarray
    regression: np.ndarray
    projection: np.ndarray

    def __call__(self, queries: np.ndarray) -> np.ndarray:
        """Return the relative errors expected at points, shape (m, p), as an array of shape (m,)."""
        tree, known = self._tree
        distances, nearest = tree.query(queries, self.points.shape[1] + 1)
        weights = 1.0 / (distances + 1e-12)
        means = np.einsum("mk,mkv->vm", weights, known[nearest]) / weights.sum(axis=1)
        regression, projection, spacing = means
        regression = regression * np.minimum(distances[:, 0] / spacing, 1.0)
        return np.sqrt(regression**2 + projection**2 + ROUNDING**2)

    @cached_property
    def _tree(self) -> tuple[Any, np.ndarray]:
        """Search tree of the training points, and columns: both errors, and the distance from the nearest other."""
        from scipy.spatial import KDTree

        tree = KDTree(self.points)
        spacings = np.asarray(tree.query(self.points, 2)[0])[:, 1]
        return tree, np.column_stack([self.regression, self.projection, spacings])
