"""Gain of local bases over a global basis, estimated before any reduced model is built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ritz.errors import InvalidProblem

from .cluster_analysis import CANDIDATES, ClusterAnalysis
from .compressed_snapshots import CompressedSnapshots, compress_snapshots
from .local_directions import group_folds, held_out_errors, nested_directions, projection_errors
from .parameter_classifier import fit_parameter_classifier, soft_labels

if TYPE_CHECKING:
    from rich.table import Table

    from ritz.problem_types.parametric.snapshots import Snapshots

__all__ = ["Efficiency", "EfficiencyEstimate", "efficiency"]

WORTHWHILE = 1.05  # least gain for which clusters are recommended
TIE = 1.03  # ratio of errors up to which cross-validation cannot tell two settings apart
TREES = 25  # size of the classifiers trained in cross-validation


@dataclass(frozen=True, eq=False)
class EfficiencyEstimate:
    """Cross-validated errors of one setting.

    All errors are mean relative projection errors of held-out snapshots.

    Parameters
    ----------
    analysis : ClusterAnalysis or None
        None for the global basis.
    clusters : int
    size : int
        Number of modes of each basis.
    error : float
        Error with the best of the `tried` likeliest bases, as an online stage that checks residuals achieves.
    first : float
        Error with the likeliest basis.
    oracle : float
        Error with the best of all bases.
    gain : float
        Error of the global basis of the same size, divided by `error`.
    weights : ndarray, shape (clusters,)
        Entry k is the fraction of the snapshots whose best basis is k.
    confusion : ndarray, shape (clusters, clusters)
        Entry (k, j) is the fraction of these snapshots that the classifier assigns to j.
    errors : ndarray, shape (clusters, clusters)
        Entry (k, j) is the mean error of these snapshots with basis j.
    """

    analysis: ClusterAnalysis | None
    clusters: int
    size: int
    error: float
    first: float
    oracle: float
    gain: float
    weights: np.ndarray = field(repr=False)
    confusion: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)

    @property
    def accuracy(self) -> float:
        """Fraction of the snapshots for which the classifier names the best basis."""
        return float(self.weights @ np.diag(self.confusion))

    @property
    def break_even(self) -> float:
        """Accuracy above which local bases gain if wrong bases are named at random; 1 if there is nothing to gain.

        At this accuracy, the mean error over right and wrong bases equals that of the global basis.
        """
        right = float(self.weights @ np.diag(self.errors))
        if self.clusters == 1:
            return 1.0
        off = self.errors.sum(axis=1) - np.diag(self.errors)
        wrong = float(self.weights @ off) / (self.clusters - 1)
        whole = self.error * self.gain
        return float(np.clip((wrong - whole) / (wrong - right), 0.0, 1.0)) if wrong > right else 1.0


@dataclass(frozen=True, eq=False)
class Efficiency:
    """Estimates for every setting tried; made by `efficiency`.

    Parameters
    ----------
    estimates : tuple of EfficiencyEstimate
        Include those of the global basis, with one cluster.
    tried : int
        Number of the likeliest bases that the online stage may try.
    """

    estimates: tuple[EfficiencyEstimate, ...]
    tried: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Basis sizes tried, in ascending order."""
        return tuple(sorted({estimate.size for estimate in self.estimates}))

    def best(self, size: int | None = None, *, error: float | None = None) -> EfficiencyEstimate:
        """Return the recommended setting.

        Parameters
        ----------
        size : int, optional
            Number of modes the online stage can afford; the largest tried if neither argument is given.
        error : float, optional
            Mean relative projection error to reach; the smallest basis that reaches it is recommended.

        Returns
        -------
        EfficiencyEstimate
            The best setting of the first analysis whose error is within 3 % of the least, or the global basis unless
            clusters gain at least 5 % over it.

        Raises
        ------
        InvalidProblem
            If the size was not tried, or no setting reaches the error.
        """
        if error is not None:
            for candidate in self.sizes:
                found = self.best(candidate)
                if found.error <= error:
                    return found
            least = min(estimate.error for estimate in self.estimates)
            raise InvalidProblem(
                f"error is {error:g}; the least predicted is {least:.3g}: allow more modes or give more snapshots"
            )
        size = self.sizes[-1] if size is None else size
        if size not in self.sizes:
            raise InvalidProblem(f"size is {size}; the sizes tried are {self.sizes}")
        here = [estimate for estimate in self.estimates if estimate.size == size]
        least = min(estimate.error for estimate in here)
        first = next(estimate.analysis for estimate in here if estimate.error <= TIE * least)
        found = min((e for e in here if e.analysis == first), key=lambda estimate: estimate.error)
        return found if found.gain >= WORTHWHILE else next(e for e in here if e.clusters == 1)

    def table(self, size: int | None = None) -> Table:
        """Return a rich table of all settings of one size, the best first."""
        from rich.table import Table

        size = self.sizes[-1] if size is None else size
        table = Table("clusters by", "K", "error", "first", "oracle", "gain", "accuracy", "break-even")
        for e in sorted((e for e in self.estimates if e.size == size), key=lambda e: e.error):
            numbers = (f"{value:.2e}" for value in (e.error, e.first, e.oracle))
            accuracy = ("", "") if e.clusters == 1 else (f"{e.accuracy:.0%}", f"{e.break_even:.0%}")
            table.add_row(str(e.analysis or "global basis"), str(e.clusters), *numbers, f"{e.gain:.2f}", *accuracy)
        return table


def efficiency(
    snapshots: Snapshots,
    test: Snapshots | None = None,
    *,
    clusters: Sequence[int] = (4, 8, 16, 32),
    sizes: Sequence[int] = (5, 10, 20),
    analyses: Iterable[ClusterAnalysis] = CANDIDATES,
    tried: int = 3,
    folds: int = 10,
    seed: int = 0,
) -> Efficiency:
    """Estimate by cross-validation the gain of local bases over a global basis of the same size.

    For each fold, the other snapshots are divided into clusters, every cluster gets a basis, and a classifier learns
    which parameters belong to which cluster. The snapshots of the fold, unseen in all three steps, are then projected
    onto the bases the classifier names. The equations are not needed, and only the Gram matrix computed at the start
    depends on the number of unknowns. This is an a priori criterion in the sense of
    :cite:`DanielCasenaveAkkariKetataRyckelynck2022`, though not the same one.

    Parameters
    ----------
    snapshots : ritz.Snapshots
    test : ritz.Snapshots, optional
        Measure the errors on these snapshots, with bases and classifiers made from all `snapshots`, instead of
        estimating them by cross-validation.
    clusters, sizes : sequence of int
        Numbers of clusters and modes to try.
    analyses : iterable of ClusterAnalysis
        Ways of dividing the snapshots.
    tried : int
        Number of bases the online stage may try, the likeliest first; it uses the one with the least residual.
    folds : int
        Limited to the number of groups, which are not split. With fewer folds, the bases are made from fewer
        snapshots than the final ones, a disadvantage that grows with the number of clusters.
    seed : int

    Raises
    ------
    InvalidProblem
        If there are fewer than two folds or groups, or if a size is not smaller than the number of snapshots outside
        of a fold.

    Examples
    --------
    >>> from ritz import Snapshots
    >>> x = np.linspace(0.0, 1.0, 60)
    >>> states = np.exp(-((x - x[:, None]) / 0.05) ** 2)  # a bump that moves
    >>> report = efficiency(Snapshots(x[:, None], states), clusters=(4,), sizes=(3,))
    >>> best = report.best()
    >>> best.clusters, best.gain > 2.0
    (4, True)
    """
    compressed = compress_snapshots(snapshots, test)
    parts = _parts(compressed, len(snapshots), folds, seed)
    sizes = sorted(set(sizes))
    least = min(int(inside.sum()) for inside, _ in parts)
    if sizes[0] < 1 or sizes[-1] >= least:
        raise InvalidProblem(
            f"sizes are {tuple(sizes)}; bases are made from {least} snapshots, so sizes must be 1 to {least - 1}: give"
            " fewer modes or more snapshots"
        )
    whole = np.concatenate([_global_errors(compressed, inside, out, sizes) for inside, out in parts], axis=1)
    one = np.ones((1, 1))
    estimates = [
        EfficiencyEstimate(None, 1, size, error, error, error, 1.0, one[0], one, error * one)
        for size, error in zip(sizes, whole.mean(axis=1).tolist(), strict=True)
    ]
    for analysis in analyses:
        for count in sorted(set(clusters) - {1}):
            held_out = [_fold(compressed, inside, out, analysis, count, sizes, seed) for inside, out in parts]
            for place, size in enumerate(sizes):
                errors = np.concatenate([found[0][place] for found in held_out])
                order = np.concatenate([found[1][place] for found in held_out])
                estimates.append(_estimate(analysis, size, errors, order, tried, float(whole[place].mean())))
    return Efficiency(tuple(estimates), tried)


def _parts(snapshots: CompressedSnapshots, known: int, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the masks of training and held-out snapshots, for each fold or once if there are test snapshots."""
    if len(snapshots) > known:
        inside = np.arange(len(snapshots)) < known
        return [(inside, ~inside)]
    groups = np.unique(snapshots.groups).size
    if min(folds, groups) < 2:
        raise InvalidProblem(
            f"folds is {folds} and the snapshots have {groups} groups; there must be at least 2 of both"
        )
    count = min(folds, groups)
    fold = group_folds(snapshots.groups, count, seed)
    return [(fold != number, fold == number) for number in range(count)]


def _global_errors(
    snapshots: CompressedSnapshots, inside: np.ndarray, out: np.ndarray, sizes: Sequence[int]
) -> np.ndarray:
    known = snapshots.values[inside]
    [nested] = nested_directions(known, np.zeros(len(known), dtype=np.int64), sizes, 1)
    return projection_errors(snapshots.values[out], nested).T


def _fold(
    snapshots: CompressedSnapshots,
    inside: np.ndarray,
    out: np.ndarray,
    analysis: ClusterAnalysis,
    count: int,
    sizes: Sequence[int],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors with every basis and the bases in order of likelihood, by size and held-out snapshot."""
    known, unknown = snapshots.select(inside), snapshots.select(out)
    count = min(count, len(known))
    labels = analysis.divide(known, count, seed=seed).labels
    nested = nested_directions(known.values, labels, sizes, count)
    errors = np.stack(
        [projection_errors(unknown.values, [bases[place] for bases in nested]) for place in range(len(sizes))]
    )
    middle = sizes[len(sizes) // 2]
    seen = held_out_errors(known.values, labels, known.groups, middle, count, seed=seed)
    classifier = fit_parameter_classifier(known.inputs, soft_labels(seen), trees=TREES, calibrate=False, seed=seed)
    order = classifier.likeliest(unknown.inputs, count)
    return errors, np.broadcast_to(order, (len(sizes), *order.shape))


def _estimate(
    analysis: ClusterAnalysis, size: int, errors: np.ndarray, order: np.ndarray, tried: int, whole: float
) -> EfficiencyEstimate:
    count = errors.shape[1]
    sorted_errors = np.take_along_axis(errors, order, axis=1)
    own = np.argmin(errors, axis=1)
    weights = np.bincount(own, minlength=count) / len(own)
    confusion, means = np.zeros((count, count)), np.zeros((count, count))
    for k in range(count):
        mine = own == k
        if mine.any():
            confusion[k] = np.bincount(order[mine, 0], minlength=count) / mine.sum()
            means[k] = errors[mine].mean(axis=0)
    error = float(sorted_errors[:, :tried].min(axis=1).mean())
    return EfficiencyEstimate(
        *(analysis, count, size, error, float(sorted_errors[:, 0].mean()), float(errors.min(axis=1).mean())),
        *(whole / error, weights, confusion, means),
    )
