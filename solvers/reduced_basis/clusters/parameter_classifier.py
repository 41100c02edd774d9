"""Classification of parameters by the basis that suits them best."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.arguments import check_seed
from ritz.errors import InvalidProblem

__all__ = ["ParameterClassifier", "fit_parameter_classifier", "soft_labels"]

TREES = 100
POWERS = np.geomspace(0.25, 4.0, 17)  # exponents of the probabilities tried in calibration
LEAST = 1e-3  # lower bound of probabilities in the likelihood


@dataclass(frozen=True, eq=False)
class ParameterClassifier:
    """A forest of randomised trees in flat arrays; made by `fit_parameter_classifier`.

    The trees come from scikit-learn. A compiled loop evaluates them, so one query takes microseconds instead of the
    milliseconds of scikit-learn's own call, with the same answer.

    Parameters
    ----------
    roots, features, thresholds, children, values : ndarray
        As `ritz.solvers.reduced_basis.clusters.kernels.forest.forest_means` takes them; `values` holds probabilities.
    power : float
        Exponent that calibrates the probabilities.
    """

    roots: np.ndarray
    features: np.ndarray
    thresholds: np.ndarray
    children: np.ndarray
    values: np.ndarray
    power: float = 1.0

    def probabilities(self, parameters: Any) -> np.ndarray:
        """Return the probability of each basis of being the best.

        Parameters
        ----------
        parameters : array, shape (p,) or (count, p)

        Returns
        -------
        ndarray, shape (clusters,) or (count, clusters)
        """
        from .kernels.forest import forest_means

        # scikit-learn places its thresholds between values in single precision.
        points = np.atleast_2d(np.asarray(parameters)).astype(np.float32).astype(np.float64)
        means = np.empty((len(points), self.values.shape[1]))
        forest_means(self.roots, self.features, self.thresholds, self.children, self.values, points, means)
        if self.power != 1.0:
            means = _sharpened(means, self.power)
        return means if np.ndim(parameters) == 2 else means[0]

    def likeliest(self, parameters: Any, count: int = 3) -> np.ndarray:
        """Return the numbers of the likeliest bases, the likeliest first, shape (..., count)."""
        order = np.argsort(-self.probabilities(parameters), axis=-1, kind="stable")
        return order[..., :count]


def soft_labels(errors: Any, sharpness: float = 4.0) -> np.ndarray:
    """Return labels that rate each basis in proportion to a negative power of its errors.

    If two bases do equally well, it makes no difference which one is used, and a label that insists on one of them is
    noise.

    Parameters
    ----------
    errors : array, shape (count, clusters)
        Error of every snapshot on every basis.
    sharpness : float
        Exponent q of ``errors^-q``.

    Examples
    --------
    >>> soft_labels([[0.1, 0.1, 1.0], [0.1, 0.01, 1.0]]).round(3).tolist()
    [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]
    """
    exponents = -sharpness * np.log(np.maximum(np.asarray(errors, dtype=np.float64), 1e-300))
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def fit_parameter_classifier(
    parameters: Any, labels: Any, *, trees: int = TREES, calibrate: bool = True, seed: int = 0
) -> ParameterClassifier:
    """Return a classifier that predicts labels from parameters.

    Parameters
    ----------
    parameters : array, shape (count, p)
        Parameters of the snapshots, followed by a column of times for trajectories.
    labels : array, shape (count, clusters)
        Probabilities, see `soft_labels`, or ordinary one-hot labels.
    trees : int
        Number of extremely randomised trees :cite:`GeurtsErnstWehenkel2006`.
    calibrate : bool
        Find the power of the probabilities that maximises the likelihood of the labels, using the out-of-bag
        predictions of a second forest. The order of the bases does not depend on it.
    seed : int

    Raises
    ------
    InvalidProblem
        For shapes that do not fit, NaN, or labels that are not probabilities.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 50)[:, None]
    >>> model = fit_parameter_classifier(x, np.hstack([x < 0.5, x >= 0.5]))
    >>> model.likeliest(np.array([[0.1], [0.9]]), 1).ravel().tolist()
    [0, 1]
    """
    seed = check_seed(seed)
    points = np.asarray(parameters, dtype=np.float64)
    targets = np.asarray(labels, dtype=np.float64)
    if points.ndim != 2 or targets.ndim != 2 or len(points) != len(targets):
        raise InvalidProblem(
            f"parameters have shape {points.shape} and labels {targets.shape}; they must be (count, p) and"
            " (count, clusters)"
        )
    if not np.isfinite(points).all():
        raise InvalidProblem("parameters have entries that are NaN or infinite")
    if not ((targets >= 0.0).all() and np.allclose(targets.sum(axis=1), 1.0)):
        raise InvalidProblem("labels must be probabilities: not negative, with rows that sum to 1")
    from sklearn.ensemble import ExtraTreesRegressor

    make: Any = ExtraTreesRegressor
    found = _flattened(make(trees, random_state=seed % 2**32).fit(points, targets), targets.shape[1])
    if not calibrate:
        return found
    tested = make(trees, random_state=seed % 2**32, bootstrap=True, oob_score=True).fit(points, targets)
    unseen = np.maximum(np.reshape(tested.oob_prediction_, targets.shape), LEAST)
    surprises = [-np.sum(targets * np.log(np.maximum(_sharpened(unseen, power), LEAST))) for power in POWERS]
    return replace(found, power=float(POWERS[int(np.argmin(surprises))]))


def _flattened(forest: Any, outputs: int) -> ParameterClassifier:
    trees = [estimator.tree_ for estimator in forest.estimators_]
    sizes = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    leaves = np.concatenate([tree.children_left < 0 for tree in trees])
    children = np.concatenate(
        [np.stack([t.children_left, t.children_right], axis=1) + root for t, root in zip(trees, roots, strict=True)]
    )
    return ParameterClassifier(
        roots,
        np.where(leaves, -1, np.concatenate([tree.feature for tree in trees])).astype(np.int64),
        np.concatenate([tree.threshold for tree in trees]),
        children.astype(np.int64),
        np.concatenate([tree.value.reshape(-1, outputs) for tree in trees]),
    )


def _sharpened(probabilities: np.ndarray, power: float) -> np.ndarray:
    raised = probabilities**power
    return raised / raised.sum(axis=1, keepdims=True)
