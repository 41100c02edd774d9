"""What the efficiency criterion foretells, and what it recommends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from snapshot_sets import bumps

from ritz import InvalidProblem, Snapshots
from ritz.solvers.reduced_basis import efficiency, local_bases
from ritz.solvers.reduced_basis.clusters.cluster_analysis import CANDIDATES


@pytest.fixture(scope="module")
def report() -> Any:
    return efficiency(bumps(150, 0.06), clusters=(4, 8), sizes=(3, 6), analyses=CANDIDATES[:2])


def test_criterion_predicts_what_is_measured(report: Any):
    from scipy.stats import spearmanr

    measured = efficiency(bumps(150, 0.06), bumps(400, 0.06), clusters=(4, 8), sizes=(3, 6), analyses=CANDIDATES[:2])
    pairs = [(a.gain, b.gain) for a, b in zip(report.estimates, measured.estimates, strict=True)]
    assert spearmanr(*zip(*pairs, strict=True)).statistic > 0.85
    chosen = report.best(6)
    true = next(b for a, b in zip(report.estimates, measured.estimates, strict=True) if a is chosen)
    assert true.error <= 1.25 * min(e.error for e in measured.estimates if e.size == 6)
    assert true.gain > 2.0


def test_estimates_are_consistent(report: Any):
    for estimate in report.estimates:
        assert estimate.oracle <= estimate.error <= estimate.first + 1e-15
        assert estimate.weights.sum() == pytest.approx(1.0)
        right = float(estimate.weights @ np.diag(estimate.errors))
        assert right == pytest.approx(estimate.oracle)
        assert 0.0 <= estimate.accuracy <= 1.0
        assert 0.0 <= estimate.break_even <= 1.0
    best = report.best(6)
    assert best.accuracy > best.break_even  # good enough to gain
    text = report.table(6)
    assert text.row_count == len([e for e in report.estimates if e.size == 6])


def test_criterion_finds_the_smallest_basis_that_is_good_enough(report: Any):
    allowed = 1.01 * report.best(3).error
    assert report.best(error=allowed).size == 3
    assert report.best(error=0.99 * report.best(3).error).size == 6
    with pytest.raises(InvalidProblem, match="least predicted"):
        report.best(error=1e-9)
    with pytest.raises(InvalidProblem, match=r"\(3, 6\)"):
        report.best(5)


def test_criterion_recommends_one_basis_where_clusters_gain_nothing():
    generator = np.random.default_rng(0)
    parameters = generator.standard_normal((80, 5))
    rows = parameters @ np.linalg.qr(generator.standard_normal((40, 5)))[0].T  # a linear space of solutions
    found = efficiency(Snapshots(parameters, rows), clusters=(4,), sizes=(5,), analyses=CANDIDATES[:1])
    assert found.best().clusters == 1
    assert local_bases(Snapshots(parameters, rows), found.best()).clusters == 1


def test_trajectories_are_not_torn_apart():
    # States of one trajectory are all but equal: were they in both parts, any small basis would predict no error.
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((12, 40))
    groups = np.repeat(np.arange(12), 5)
    rows = directions[groups] + 1e-3 * generator.standard_normal((60, 40))
    snapshots = Snapshots(groups[:, None].astype(float), rows, groups=groups, times=np.tile(np.arange(5.0), 12))
    together = efficiency(snapshots, clusters=(3,), sizes=(4,), analyses=CANDIDATES[:1])
    torn = efficiency(Snapshots(snapshots.parameters, rows), clusters=(3,), sizes=(4,), analyses=CANDIDATES[:1])
    assert min(e.error for e in together.estimates) > 0.5
    assert max(e.error for e in torn.estimates) < 0.9 * max(e.error for e in together.estimates)
