"""Proper orthogonal decomposition, dissimilarities, clusters of snapshots and local bases."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import diags_array
from snapshot_sets import bumps

import ritz
from ritz import Snapshots
from ritz.operators import aslinearoperator
from ritz.solvers.partitioning.medoids import k_medoids, sampled_k_medoids
from ritz.solvers.reduced_basis import ClusterAnalysis, dissimilarities, efficiency, incremental_pod, local_bases, pod
from ritz.solvers.reduced_basis.bases.inner_product import coordinates, inner
from ritz.solvers.reduced_basis.clusters.cluster_analysis import CANDIDATES
from ritz.solvers.reduced_basis.clusters.compressed_snapshots import compress_snapshots
from ritz.solvers.reduced_basis.clusters.dissimilarity import DISSIMILARITIES, deflated
from ritz.solvers.reduced_basis.clusters.k_subspaces import k_subspaces, leading_directions, squared_remainders
from ritz.solvers.reduced_basis.clusters.local_directions import cluster_directions, projection_errors
from ritz.solvers.reduced_basis.clusters.parameter_classifier import fit_parameter_classifier, soft_labels
from ritz.solvers.reduced_basis.clusters.subspace_dissimilarity import (
    SUBSPACE_DISSIMILARITIES,
    projection_dissimilarities,
    subspace_dissimilarities,
    trajectory_bases,
)

seeds = st.integers(0, 2**32 - 1)


def states(seed: int, count: int = 12, n: int = 20, kind: str = "real") -> np.ndarray:
    """Return rows whose singular values fall by a factor of three each."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((count, n))
    if kind == "complex":
        values = values + 1j * generator.standard_normal((count, n))
    return (values * 3.0 ** -np.arange(count)[:, None]).T[:, generator.permutation(count)].T


def mass(n: int) -> Any:
    """Return a symmetric positive definite matrix that is not diagonal."""
    return diags_array([-1.0, 3.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()


# Inner products and proper orthogonal decomposition


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("product", [None, mass(20)], ids=["euclidean", "mass"])
def test_coordinates_keep_inner_products_over_sixteen_digits(kind: str, product: Any):
    rows = states(0, kind=kind) * 10.0 ** -np.arange(12)[:, None]  # over 17 orders of magnitude
    found = coordinates(rows, product)
    operator = None if product is None else aslinearoperator(product)
    identity = inner(found.directions, found.directions, operator)
    assert np.abs(identity - np.eye(len(identity))).max() < 1e-13
    assert np.abs(found.values @ found.directions - rows).max() < 1e-13 * np.abs(rows).max()
    assert np.allclose(found.values @ found.values.conj().T, inner(rows, rows, operator), rtol=0, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["real", "complex"]), st.booleans())
def test_pod_is_the_singular_value_decomposition(seed: int, kind: str, weighted: bool):
    rows = states(seed, kind=kind)
    product = mass(20) if weighted else None
    basis = pod(rows, product=product, normalise=False)
    root = np.linalg.cholesky(mass(20).toarray()) if weighted else np.eye(20)
    expected = np.linalg.svd(rows @ root.conj(), compute_uv=False)
    assert np.allclose(basis.singular_values, expected, rtol=1e-9, atol=1e-13 * expected[0])
    assert np.allclose(inner(basis.modes.T, basis.modes.T, basis.product), np.eye(basis.size), atol=1e-12)
    assert basis.projection_errors(rows).max() < 1e-8  # all modes leave nothing


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(1e-12, 0.5))
def test_what_pod_leaves_out_is_the_energy_that_was_allowed(seed: int, energy: float):
    rows = states(seed)
    basis = pod(rows, energy=energy)
    left = np.sum(basis.projection_errors(rows) ** 2) / len(rows)
    assert left <= energy + 1e-14
    if basis.size > 1:
        assert np.sum(basis.truncated(basis.size - 1).projection_errors(rows) ** 2) / len(rows) > energy - 1e-14


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_randomised_and_incremental_pod_agree_with_the_exact_one(kind: str):
    rows, product = states(3, count=40, n=60, kind=kind), mass(60)
    exact = pod(rows, product=product, size=6, normalise=False)
    for other in (
        pod(rows, product=product, size=6, normalise=False, method="randomised", seed=1),
        incremental_pod(np.split(rows, 8), product=product, size=6, normalise=False),
    ):
        assert np.allclose(other.singular_values[:6], exact.singular_values[:6], rtol=1e-8)
        cosines = np.linalg.svd(inner(exact.modes.T, other.modes.T, exact.product), compute_uv=False)
        assert cosines.min() > 1.0 - 1e-8


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_basis_is_an_operator(kind: str):
    basis = pod(states(0, kind=kind), size=4)
    coefficients = basis.coefficients(states(0, kind=kind)[2])
    parts = np.concatenate([coefficients.real, coefficients.imag]) if kind == "complex" else coefficients
    u = basis.operator @ parts
    u = u[:20] + 1j * u[20:] if kind == "complex" else u
    assert np.allclose(u, basis.expand(coefficients))


# Dissimilarities


def test_sines_by_hand():
    found = dissimilarities(np.array([[1.0, 0.0], [np.cos(0.3), np.sin(0.3)], [0.0, -2.0]]))
    assert np.allclose(found, [[0, np.sin(0.3), 1], [np.sin(0.3), 0, np.cos(0.3)], [1, np.cos(0.3), 0]], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["real", "complex"]))
def test_sines_are_blind_to_size_sign_phase_and_rotation(seed: int, kind: str):
    rows = states(seed, kind=kind)
    generator = np.random.default_rng(seed)
    factors = generator.uniform(0.1, 10.0, (12, 1)) * generator.choice([-1.0, 1.0], (12, 1))
    if kind == "complex":
        factors = factors * np.exp(1j * generator.uniform(0.0, 6.0, (12, 1)))
    rotation = np.linalg.qr(generator.standard_normal((20, 20)))[0]
    found = dissimilarities(rows)
    assert np.allclose(dissimilarities(factors * rows @ rotation), found, atol=1e-6)
    # The sine is the relative error of projecting one state onto the line of the other.
    line = rows[1] / np.linalg.norm(rows[1])
    left = rows[0] - (rows[0] @ line.conj()) * line
    assert found[0, 1] == pytest.approx(np.linalg.norm(left) / np.linalg.norm(rows[0]), abs=1e-7)


@pytest.mark.parametrize("kind", DISSIMILARITIES)
def test_dissimilarities_do_not_depend_on_blocks_and_live_in_any_product(kind: str):
    rows, product = states(5), mass(20)
    whole = dissimilarities(rows, kind=kind, product=product)
    assert np.array_equal(whole, whole.T)
    assert not whole.diagonal().any()
    assert np.allclose(dissimilarities(rows, kind=kind, product=product, block=5), whole, rtol=0, atol=1e-7)
    assert np.allclose(dissimilarities(rows[:3], rows, kind=kind, product=product)[:, 4:], whole[:3, 4:], atol=1e-12)
    euclidean = rows @ np.linalg.cholesky(product.toarray())
    assert np.allclose(dissimilarities(euclidean, kind=kind), whole, atol=1e-6)


def test_chords_tell_signs_apart_and_relative_distances_sizes():
    u = np.array([[1.0, 2.0], [-1.0, -2.0], [10.0, 20.0]])
    assert dissimilarities(u, kind="sine").max() < 1e-7
    assert dissimilarities(u, kind="chord")[0].tolist() == pytest.approx([0.0, 2.0, 0.0], abs=1e-7)
    assert dissimilarities(u, kind="relative")[0, 2] == pytest.approx(0.9)


def test_deflation_takes_the_leading_modes_out():
    rows = states(2) + 100.0
    leading = pod(rows, size=2)
    left = deflated(rows, 2)
    assert np.abs(leading.coefficients(left)).max() < 1e-9 * np.abs(rows).max()
    assert np.array_equal(deflated(rows, 0), rows)
    assert dissimilarities(rows).max() < 0.1 < np.median(dissimilarities(deflated(rows, "mean")))


@pytest.mark.parametrize("kind", SUBSPACE_DISSIMILARITIES)
def test_subspace_dissimilarities_are_those_of_angles(kind: str):
    angle = 0.4
    lines = [pod(np.array([row])) for row in ([1.0, 0.0, 0.0], [np.cos(angle), np.sin(angle), 0.0], [-2.0, 0.0, 0.0])]
    found = subspace_dissimilarities(lines, kind)
    by_hand = {"grassmann": angle, "asimov": angle, "fubini-study": angle, "procrustes": 2.0 * np.sin(angle / 2.0)}
    assert found[0, 1] == pytest.approx(by_hand.get(kind, np.sin(angle)))
    assert found[0, 2] == pytest.approx(0.0, abs=1e-7)
    plane = pod(np.eye(3)[:2])
    assert subspace_dissimilarities([lines[0], plane], kind)[0, 1] > 0.9  # a line is no plane


def test_projection_dissimilarities_are_sines_for_single_states():
    rows = states(4)
    groups = np.arange(len(rows))
    assert np.allclose(projection_dissimilarities(rows, groups, size=1), dissimilarities(rows), atol=1e-7)
    lines = trajectory_bases(rows, groups)
    assert np.allclose(subspace_dissimilarities(lines, "chordal"), dissimilarities(rows), atol=1e-6)


# Clusters


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 4))
def test_medoids_are_the_best_there_are(seed: int, clusters: int):
    matrix = dissimilarities(states(seed))
    best = min(matrix[:, list(c)].min(axis=1).sum() for c in itertools.combinations(range(12), clusters))
    found = k_medoids(matrix, clusters, restarts=20)
    assert found.loss == pytest.approx(best, rel=1e-12)
    assert found.loss == pytest.approx(matrix[np.arange(12), found.medoids[found.labels]].sum())
    assert np.array_equal(found.labels[found.medoids], np.arange(clusters))


def test_loss_of_sines_is_the_sum_of_projection_errors_on_the_lines_of_the_medoids():
    rows = states(7)
    found = k_medoids(dissimilarities(rows), 3)
    lines = [pod(rows[[medoid]]) for medoid in found.medoids]
    errors = np.stack([line.projection_errors(rows) for line in lines], axis=1)
    assert found.loss == pytest.approx(errors[np.arange(12), found.labels].sum(), abs=1e-6)


def test_sampled_medoids_are_nearly_as_good():
    points = np.random.default_rng(0).standard_normal((900, 2))

    def distances(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points[rows, None] - points[columns], axis=2)

    whole = sampled_k_medoids(distances, 900, 5)
    sampled = sampled_k_medoids(distances, 900, 5, sample=150)
    assert whole.loss <= sampled.loss * (1.0 + 1e-12) < 1.05 * whole.loss
    again = sampled_k_medoids(distances, 900, 5, sample=150)
    assert np.array_equal(again.labels, sampled.labels)


def test_identical_elements_do_not_stop_medoids():
    found = k_medoids(np.zeros((6, 6)), 3)
    assert found.loss == 0.0
    assert np.unique(found.medoids).size == 3


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 4))
def test_refinement_lowers_what_bases_leave_and_keeps_clusters_large(seed: int, size: int):
    rows = np.random.default_rng(seed).standard_normal((60, 10))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.random.default_rng(seed).integers(0, 3, 60)

    def loss(clusters: np.ndarray) -> float:
        bases = [leading_directions(rows[clusters == k], size) for k in range(3)]
        return sum(float(squared_remainders(rows[clusters == k], bases[k]).sum()) for k in range(3))

    refined = k_subspaces(rows, labels, size=size, least=5)
    assert loss(refined) <= loss(labels) + 1e-12
    assert np.bincount(refined, minlength=3).min() >= 5


OTHERS = (ClusterAnalysis("k-means"), ClusterAnalysis("relative"), ClusterAnalysis("chord", deflation="mean"))


@pytest.mark.parametrize("analysis", [*CANDIDATES, *OTHERS], ids=str)
def test_every_analysis_divides_the_same_way_twice(analysis: ClusterAnalysis):
    snapshots = compress_snapshots(bumps(60))
    found = analysis.divide(snapshots, 4, seed=3)
    again = analysis.divide(snapshots, 4, seed=3)
    assert np.array_equal(found.labels, again.labels)
    assert np.array_equal(np.unique(found.labels), np.arange(4))
    assert np.array_equal(found.labels[found.representatives], np.arange(4))
    assert (np.diff(found.representatives) > 0).all()
    assert not np.shares_memory(found.labels, again.labels)


def test_amplitude_leads_k_means_astray_and_not_sines():
    snapshots, test = bumps(200, signs=True).split(0.7)
    errors = {
        name: local_bases(snapshots, ClusterAnalysis(name), clusters=6, size=4).projection_errors(test.states)
        for name in ("sine", "k-means", "euclidean")
    }
    oracle = {name: found.min(axis=1).mean() for name, found in errors.items()}
    assert oracle["sine"] < 0.6 * min(oracle["k-means"], oracle["euclidean"])


# Local bases


def test_one_cluster_is_the_global_basis():
    snapshots = bumps()
    one = local_bases(snapshots, clusters=1, size=6)
    whole = pod(snapshots.states, size=6)
    assert one.clusters == 1
    assert one.likeliest(snapshots.parameters).tolist() == [[0]] * len(snapshots)
    assert np.allclose(one.projection_errors(snapshots.states)[:, 0], whole.projection_errors(snapshots.states))


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_local_bases_are_orthonormal_and_represent_their_clusters(kind: str):
    rows, product = states(1, count=40, n=30, kind=kind), mass(30)
    snapshots = Snapshots(np.arange(40.0)[:, None], rows / np.abs(rows).max(axis=1, keepdims=True), product)
    found = local_bases(snapshots, clusters=3, size=20)
    for k, basis in enumerate(found.bases):
        assert np.allclose(inner(basis.modes.T, basis.modes.T, basis.product), np.eye(basis.size), atol=1e-10)
        assert basis.size == 20
        own, others = (basis.projection_errors(rows[chosen]) for chosen in (found.labels == k, found.labels != k))
        assert own.mean() < others.mean()


def test_small_clusters_borrow_what_is_closest():
    values = compress_snapshots(bumps(90)).values
    labels = ClusterAnalysis().divide(compress_snapshots(bumps(90)), 20).labels
    plain = [leading_directions(values[labels == k], 8) for k in range(20)]
    borrowed = cluster_directions(values, labels, 8, 20)
    assert min(len(basis) for basis in plain) < 8 == min(len(basis) for basis in borrowed)
    unseen = compress_snapshots(bumps(90), bumps(150)).values[90:]
    known = compress_snapshots(bumps(90), bumps(150)).values[:90]
    alone = [leading_directions(known[labels == k], 8) for k in range(20)]
    error = {
        "borrowed": projection_errors(unseen, cluster_directions(known, labels, 8, 20)).min(axis=1).mean(),
        "plain": projection_errors(unseen, alone).min(axis=1).mean(),
    }
    assert error["borrowed"] < 0.7 * error["plain"]


def test_local_bases_beat_the_global_one_with_the_basis_that_the_classifier_names():
    snapshots, test = bumps(300).split(0.7)
    found = local_bases(snapshots, clusters=8, size=5)
    errors = found.projection_errors(test.states)
    named = found.likeliest(test.parameters)
    first = errors[np.arange(len(test)), named[:, 0]].mean()
    best_of_three = np.take_along_axis(errors, named, axis=1).min(axis=1).mean()
    whole = pod(snapshots.states, size=5).projection_errors(test.states).mean()
    assert errors.min(axis=1).mean() <= best_of_three <= first < 0.5 * whole


# Classifiers


def test_compiled_forest_says_what_scikit_learn_says():
    from sklearn.ensemble import ExtraTreesRegressor

    generator = np.random.default_rng(0)
    points, labels = generator.random((80, 3)), soft_labels(generator.uniform(0.1, 1.0, (80, 4)))
    model = fit_parameter_classifier(points, labels, trees=20, calibrate=False, seed=4)
    theirs = ExtraTreesRegressor(20, random_state=4).fit(points, labels)
    unseen = generator.uniform(-0.5, 1.5, (200, 3))
    assert np.allclose(model.probabilities(unseen), theirs.predict(unseen), rtol=0, atol=1e-14)
    assert np.allclose(model.probabilities(unseen[0]), model.probabilities(unseen)[0])


def test_probabilities_are_calibrated():
    generator = np.random.default_rng(0)
    points = generator.random((1500, 2))
    truth = 1.0 / (1.0 + np.exp(-12.0 * (points[:, 0] - 0.5)))  # labels are noisy around the border
    labels = (generator.random(1500) < truth).astype(float)
    targets = np.stack([labels, 1.0 - labels], axis=1)
    known, unseen = slice(0, 1000), slice(1000, 1500)

    def surprise(calibrate: bool) -> float:
        model = fit_parameter_classifier(points[known], targets[known], calibrate=calibrate)
        found = np.clip(model.probabilities(points[unseen]), 1e-3, 1.0)
        return -float(np.mean(np.sum(targets[unseen] * np.log(found), axis=1)))

    assert surprise(True) < surprise(False)
    assert surprise(True) < 0.5


def test_labels_that_weigh_mistakes_by_their_cost_make_fewer_that_cost():
    # Two bases do equally well everywhere and a third better on the left: who of the two wins is noise.
    generator = np.random.default_rng(2)
    points = generator.random((200, 2))
    errors = np.stack([np.full(200, 0.1), np.full(200, 0.1), np.where(points[:, 0] < 0.5, 0.01, 1.0)], axis=1)
    errors *= generator.uniform(0.97, 1.03, errors.shape)
    soft = fit_parameter_classifier(points, soft_labels(errors))
    unseen = generator.random((500, 2))
    inner_part = np.abs(unseen[:, 0] - 0.5) > 0.03
    named = soft.likeliest(unseen, 1)[:, 0]
    assert np.mean((named == 2) == (unseen[:, 0] < 0.5), where=inner_part) > 0.98
    assert np.abs(soft.probabilities(unseen[unseen[:, 0] > 0.55])[:, :2] - 0.5).max() < 0.3


def test_field_classifier_finds_where_things_are():
    from ritz.solvers.reduced_basis.clusters.field_classifier import fit_field_classifier

    generator = np.random.default_rng(0)
    centres = generator.random((240, 2))
    axis = (np.arange(24) + 0.5) / 24
    bump = np.exp(-((axis[:, None] - centres[:, :1, None]) ** 2 + (axis - centres[:, 1:, None]) ** 2) / 0.02)
    quadrant = 2 * (centres[:, 0] > 0.5) + (centres[:, 1] > 0.5)
    labels = np.eye(4)[quadrant]
    model = fit_field_classifier(bump[:180, None], labels[:180], epochs=25)
    found = model.likeliest(bump[180:, None], 2)
    assert np.mean(found[:, 0] == quadrant[180:]) > 0.85
    assert model.probabilities(bump[0][None]).sum() == pytest.approx(1.0)
    again = fit_field_classifier(bump[:180, None], labels[:180], epochs=25)
    assert np.array_equal(model.probabilities(bump[180:, None]), again.probabilities(bump[180:, None]))


def test_parametric_problem_to_local_bases():
    problem = ritz.problems.two_materials((12, 12))
    snapshots = problem.snapshots(60)
    before = snapshots.states.copy()
    report = efficiency(snapshots, clusters=(4,), sizes=(8,), analyses=CANDIDATES[:1])
    bases = local_bases(snapshots, report.best())
    u = problem.solution()
    [k] = bases.likeliest(problem.query, 1)
    assert bases.bases[k].projection_errors(u[None])[0] < 0.3
    assert np.array_equal(snapshots.states, before)


# Bad input

ROWS = np.arange(6.0).reshape(3, 2) + 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pod(np.array([1.0, 2.0])), "one row per state"),
        (lambda: pod([[1.0, np.nan]]), "states 0 have entries that are NaN"),
        (lambda: pod([[0.0, 0.0], [1.0, 0.0]]), "state 0 is zero"),
        (lambda: pod(ROWS, product=-np.eye(2)), "not symmetric positive definite"),
        (lambda: pod(ROWS, product=np.eye(3)), r"product has shape \(3, 3\)"),
        (lambda: pod(ROWS, size=0), "size is 0"),
        (lambda: pod(ROWS, energy=1.5), "energy is 1.5"),
        (lambda: pod(ROWS, method="randomised"), "needs size"),
        (lambda: pod(ROWS, method="quick"), "'exact' or 'randomised'"),
        (lambda: pod(ROWS).truncated(5), "1 to 2"),
        (lambda: incremental_pod([]), "blocks is empty"),
        (lambda: incremental_pod([ROWS, np.ones((1, 3))]), "3 entries"),
        (lambda: dissimilarities(ROWS, np.ones((1, 3))), "they must agree"),
        (lambda: dissimilarities([[0.0, 0.0]]), "zero row, 0"),
        (lambda: dissimilarities(ROWS, kind="sinus"), "did you mean 'sine'"),
        (lambda: subspace_dissimilarities([], "grassman"), "did you mean 'grassmann'"),
        (lambda: deflated(ROWS, -1), "modes is -1"),
        (lambda: trajectory_bases(ROWS, [0]), "one for each of 3"),
        (lambda: k_medoids(np.ones((2, 3)), 1), r"\(count, count\)"),
        (lambda: k_medoids(-np.ones((2, 2)), 1), "negative or NaN"),
        (lambda: k_medoids(np.ones((2, 2)), 3), "1 to 2"),
        (lambda: k_medoids(np.ones((2, 2)), 1, restarts=0), "restarts is 0"),
        (lambda: k_subspaces(ROWS, [0], size=1), "one for each of 3"),
        (lambda: ClusterAnalysis("sines"), "did you mean 'sine'"),
        (lambda: ClusterAnalysis("euclidean", deflation=2), "deflation is for"),
        (lambda: ClusterAnalysis(refinement=-1), "refinement is -1"),
        (lambda: local_bases(bumps(20), clusters=4, size=30), "size is 30"),
        (lambda: local_bases(bumps(20), clusters=30, size=3), "clusters is 30"),
        (lambda: efficiency(bumps(20), sizes=(18,)), "must be 1 to 17"),
        (lambda: efficiency(bumps(4), sizes=(1,), folds=1), "2 of both"),
        (lambda: fit_parameter_classifier(np.ones((2, 1)), np.ones((3, 2))), r"\(count, clusters\)"),
        (lambda: fit_parameter_classifier(np.ones((2, 1)), np.ones((2, 2))), "sum to 1"),
        (lambda: fit_parameter_classifier(np.full((2, 1), np.nan), np.eye(2)), "NaN"),
    ],
)
def test_bad_input_is_named(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()
