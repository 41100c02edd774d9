"""The offline stage: from snapshots to an online stage with calibrated error estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.snapshots import Snapshots, apply_product

from .clusters.cluster_bases import LocalBases, local_bases
from .local_model import LocalModel, local_model
from .online import OnlineStage, ReducedAnswer, operator_features
from .projection.error_estimator import dual_tests, random_functionals
from .projection.inverse_interpolation import interpolate_inverse
from .projection.sampled_term import check_term
from .regression_model import RegressionModel, regression_model
from .time_stepping import trajectory

__all__ = ["build_stage", "calibrate", "errors_of", "held_out_share"]

HELD_OUT = 0.15  # fraction of the solutions held out to calibrate the estimates
ENOUGH, MOST = 25, 0.25  # number of solutions to hold out if that is more, and the largest fraction allowed
COVERAGE = 0.99  # fraction of queries whose error must be within the estimate
CONFIDENCE = 0.95  # confidence in this coverage
SAME = 1e-6  # distance of features below which operators are considered equal
PLACES = 16  # limit of places whose Jacobians estimate errors from residuals
TERMS = 3  # least number of snapshots of the term per mode of the state


def build_stage(
    problem: Any,
    snapshots: Snapshots,
    setting: Any,
    *,
    clusters: int,
    size: int,
    projection: str,
    hyper_reduction: str,
    candidates: int,
    seed: int,
) -> tuple[OnlineStage, LocalBases]:
    """Return an uncalibrated online stage, and its bases.

    Parameters
    ----------
    problem : ParametricPDE
    snapshots : Snapshots
    setting : EfficiencyEstimate, ClusterAnalysis or None
        See `local_bases`.
    clusters, size, projection, hyper_reduction, candidates, seed
        See `LocalReducedBasis`.
    """
    found = local_bases(snapshots, setting, clusters=clusters, size=size, seed=seed)
    if projection == "regression":
        models: Any = tuple(_regression(problem, snapshots, found, k, seed) for k in range(found.clusters))
        return OnlineStage(problem, models, found.classifier, candidates), found
    terms = _terms(problem, snapshots)
    checked = None if terms is None else check_term(problem.term, terms, size)
    functionals = random_functionals(snapshots.product, snapshots.size, seed=seed)
    tested, rule = _tested(problem, snapshots, functionals)
    models = tuple(
        local_model(
            problem,
            found.bases,
            k,
            None if terms is None else terms[_nearest(snapshots, found, k)],
            tested,
            checked,
            projection=projection,
            hyper_reduction=hyper_reduction,
        )
        for k in range(found.clusters)
    )
    if problem.times is None and not problem.model.linear:
        models = tuple(_with_starts(model, snapshots, found) for model in models)
    return OnlineStage(problem, models, found.classifier, candidates, **rule), found


def held_out_share(snapshots: Snapshots) -> float:
    """Return the fraction of the solutions to hold out for calibration."""
    solutions = np.unique(snapshots.groups).size
    return max(HELD_OUT, min(MOST, ENOUGH / solutions))


def calibrate(stage: OnlineStage, held_out: Snapshots) -> tuple[OnlineStage, float, np.ndarray]:
    """Return the stage with its usual error, the factor that turns its estimates into bounds, and the held-out bounds.

    The factor is an upper limit of the ratio of true to estimated errors, computed from states held out of the models.
    It is the 99 % quantile corrected for their number, as in split conformal prediction
    :cite:`LeiGSellRinaldoTibshiraniWasserman2018`, or the tolerance limit of a log-normal distribution
    :cite:`KrishnamoorthyMathew2009` if that is higher, as it is with few states. With a confidence of 95 %, 99 % of all
    ratios lie below this limit, and not only on average over the choice of held-out states.
    """
    answers, truths = _answers(stage, held_out)
    estimates = np.array([answer.error for answer in answers])
    usual = np.array([state.relative_error for answer in answers for state in answer.states])
    stage = replace(stage, usual=float(np.median(usual)))
    if stage.candidates > 1 and len(stage.models) > 1:  # because the bases tried depend on the usual error
        answers, truths = _answers(stage, held_out)
        estimates = np.array([answer.error for answer in answers])
    errors = np.array([errors_of(stage, answer, truth) for answer, truth in zip(answers, truths, strict=True)])
    known, rounding = np.isfinite(estimates), machine_epsilon(np.float64)  # below which ratios mean nothing
    ratios = np.maximum(errors[known], rounding) / np.maximum(estimates[known], rounding)
    factor = _upper_limit(ratios)
    return stage, factor, factor * estimates


def _upper_limit(ratios: np.ndarray) -> float:
    from scipy.stats import nct, norm

    count = len(ratios)
    if count < 2:
        raise InvalidProblem(f"{count} held-out solutions are too few to calibrate with: give more snapshots")
    place = min(int(np.ceil(COVERAGE * (count + 1))) - 1, count - 1)
    logarithms = np.log(ratios)
    widths = nct.ppf(CONFIDENCE, count - 1, count**0.5 * norm.ppf(COVERAGE)) / count**0.5
    normal = np.exp(logarithms.mean() + widths * logarithms.std(ddof=1))
    return float(max(np.sort(ratios)[place], normal))


def errors_of(stage: OnlineStage, answer: ReducedAnswer, truth: Snapshots) -> float:
    """Return the true relative error of an answer, for one state or over the known states of a trajectory."""
    states = answer.states
    if stage.problem.times is not None:
        places = np.searchsorted(stage.problem.times, truth.times - 1e-9 * stage.problem.times[-1]) - 1
        states = [answer.states[place] for place in places]
    expanded = np.stack([stage.models[s.cluster].basis.expand(s.coefficients) for s in states])
    wrong = expanded - truth.states
    squares = np.sum(wrong.conj() * apply_product(truth.product, wrong.T).T).real
    return float(np.sqrt(max(squares, 0.0)) / np.linalg.norm(truth.norms))


def _answers(stage: OnlineStage, held_out: Snapshots) -> tuple[list[ReducedAnswer], list[Snapshots]]:
    truths = [held_out.select(held_out.groups == group) for group in np.unique(held_out.groups)]
    points = np.stack([truth.parameters[0] for truth in truths])
    if stage.problem.times is None:
        return stage.steady_many(points), truths
    return [trajectory(stage, mu) for mu in points], truths


def _terms(problem: Any, snapshots: Snapshots) -> np.ndarray | None:
    """Return the term at all snapshots, each divided by the norm of its snapshot."""
    if problem.term is None:
        return None
    times = np.zeros(len(snapshots)) if snapshots.times is None else snapshots.times
    rows = zip(snapshots.states, snapshots.parameters, times, strict=True)
    values = np.stack([problem.term.value(u, mu, float(t)) for u, mu, t in rows])
    return values / snapshots.norms[:, None]


def _nearest(snapshots: Snapshots, found: LocalBases, number: int) -> np.ndarray:
    """Return the members of a cluster, followed by the snapshots nearest to its basis if they are few."""
    basis = found.bases[number]
    members = found.labels == number
    count = min(len(snapshots), max(int(members.sum()), TERMS * basis.size))
    remainders = np.where(members, -1.0, basis.projection_errors(snapshots.states))
    return np.argsort(remainders, kind="stable")[:count]


def _with_starts(model: LocalModel, snapshots: Snapshots, found: LocalBases) -> LocalModel:
    rows = _nearest(snapshots, found, model.number)
    return replace(model, starts=(snapshots.parameters[rows], model.basis.coefficients(snapshots.states[rows])))


def _tested(problem: Any, snapshots: Snapshots, functionals: np.ndarray) -> tuple[Sequence[np.ndarray], dict[str, Any]]:
    """Return random tests, and the fields of the online stage that choose among or combine them."""
    symmetric = problem.affine.symmetric
    if problem.times is None and problem.model.linear:
        inverses, tests = interpolate_inverse(problem.affine, snapshots.parameters, functionals)
        return [np.concatenate(tests, axis=1)], {"inverses": inverses}
    places, spread, rows = _places(problem, snapshots)
    jacobians = (_jacobian(problem, snapshots, row) for row in rows)
    return [dual_tests(J, functionals, symmetric=symmetric) for J in jacobians], {"places": places, "spread": spread}


def _places(problem: Any, snapshots: Snapshots) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return the features of the snapshots that differ most, the spread of all features, and their indices."""
    times = np.zeros(len(snapshots)) if snapshots.times is None else snapshots.times
    rows = zip(snapshots.parameters, times, strict=True)
    features = np.stack([operator_features(problem, mu, float(t)) for mu, t in rows])
    spread = np.maximum(np.ptp(features, axis=0), SAME)
    scaled = features / spread
    distances = np.linalg.norm(scaled - scaled.mean(axis=0), axis=1)
    chosen = [int(np.argmin(distances))]
    distances = np.linalg.norm(scaled - scaled[chosen[0]], axis=1)
    while len(chosen) < PLACES and distances.max() > SAME:
        chosen.append(int(np.argmax(distances)))
        distances = np.minimum(distances, np.linalg.norm(scaled - scaled[chosen[-1]], axis=1))
    return features[chosen], spread, chosen


def _jacobian(problem: Any, snapshots: Snapshots, row: int) -> Any:
    step = None
    if problem.times is not None:
        step = int(np.searchsorted(problem.times, snapshots.times[row] - 1e-9 * problem.times[-1])) - 1
    return problem.model.jacobian(snapshots.states[row], snapshots.parameters[row], step)


def _regression(problem: Any, snapshots: Snapshots, found: LocalBases, number: int, seed: int) -> RegressionModel:
    members = np.flatnonzero(found.labels == number)
    inputs, box = snapshots.parameters, problem.ranges
    if snapshots.times is not None:
        inputs = np.column_stack([inputs, snapshots.times])
        box = np.vstack([box, [problem.times[0], problem.times[-1]]])
    least = 4 * inputs.shape[1]
    if members.size < least:  # borrow the snapshots nearest in parameters
        low, high = box.T
        scaled = (inputs - low) / (high - low)
        distances = np.linalg.norm(scaled[:, None] - scaled[members], axis=2).min(axis=1)
        members = np.argsort(distances, kind="stable")[: min(least, len(inputs))]
    if members.size < inputs.shape[1] + 3:
        raise InvalidProblem(
            f"{members.size} snapshots are too few for a regression on {inputs.shape[1]} inputs; give at least"
            f" {inputs.shape[1] + 3}"
        )
    return regression_model(number, found.bases[number], snapshots.states[members], inputs[members], box, seed=seed)
