"""Local reduced bases as a solver of parametric problems."""

from __future__ import annotations

import time
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, Literal

from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Tag
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.snapshots import Snapshots
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from .clusters.cluster_analysis import ClusterAnalysis
from .clusters.efficiency_criterion import efficiency
from .offline import build_stage, calibrate, held_out_share
from .prepared_model import PreparedReducedBasis
from .projection.sampled_term import HYPER_REDUCTIONS

__all__ = ["LocalReducedBasis"]

PROJECTIONS = ("galerkin", "least-squares", "regression")
CLUSTERS = (4, 8, 16, 32)  # that are tried where their number is not given
TRAJECTORIES = 5  # snapshots, for each trajectory that is solved in their stead


@register("local-reduced-basis")
@dataclass(frozen=True)
class LocalReducedBasis:
    r"""A reduced model on a dictionary of bases, one of which a classifier chooses for each query.

    Offline, full solutions are clustered by the angles between them, each cluster gets a basis and equations projected
    onto it, and a classifier learns which parameters belong to which basis
    :cite:`DanielCasenaveAkkariRyckelynck2020`. Online, the equations of the likeliest bases are solved, and the
    solution that checks best is taken, at a cost that does not depend on the number of unknowns. What is not affine
    in the parameters, or not linear, is evaluated at a few points :cite:`DrmacGugercin2016`. Estimates of the error
    come from random tests of the residual :cite:`SmetanaZahmPatera2019`, calibrated on solutions held out; above
    `tolerance`, the full model answers.

    Problems that are a function mu -> u alone get their coefficients by regression.

    Parameters
    ----------
    clusters : int, optional
        Number of bases. None: what the a priori criterion (`efficiency`) recommends, which may be one.
    size : int
        Modes of each basis.
    samples : int
        Full solutions that are computed for training and calibration, or five times as many as trajectories are.
    analysis : ClusterAnalysis, optional
        How snapshots are divided, if `clusters` is given; by their sines if None.
    projection : {"galerkin", "least-squares", "regression"}
        Galerkin's equations; those of the least residual :cite:`CarlbergBouMoslehFarhat2011`, for problems whose
        Galerkin projections are unstable; or regression.
    hyper_reduction : {"q-deim", "deim", "cubature"}
        How terms are evaluated at few points: `empirical_interpolation` or, with Galerkin's equations,
        `empirical_cubature`.
    candidates : int
        Bases that are tried at most, the likeliest first; the first that checks as well as is usual is taken.
    tolerance : float
        Estimated relative error above which the full model answers.
    exact : bool
        Let the full model solve every query to its own tolerance, Newton's method starting from the reduced solution.
    seed : int

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.thermal_block((19, 19))
    >>> solution = ritz.solve(problem.at(k00=0.2), "local-reduced-basis", clusters=1, size=10, samples=60)
    >>> solution.stats["fallback"], solution.stats["estimated_error"] < 0.05
    (False, True)
    """

    clusters: int | None = None
    size: int = 20
    samples: int = 300
    analysis: ClusterAnalysis | None = None
    projection: Literal["galerkin", "least-squares", "regression"] = "galerkin"
    hyper_reduction: Literal["q-deim", "deim", "cubature"] = "q-deim"
    candidates: int = 3
    tolerance: float = 0.05
    exact: bool = False
    seed: int = 0

    solves: ClassVar[type] = ParametricPDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        for name, known in (("projection", PROJECTIONS), ("hyper_reduction", HYPER_REDUCTIONS)):
            if getattr(self, name) not in known:
                raise UnknownName(name, getattr(self, name), known)
        for name, least in (("clusters", 1), ("size", 1), ("samples", 10), ("candidates", 1)):
            value: Any = getattr(self, name)
            if value is None and name == "clusters":
                continue
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise InvalidProblem(f"{name} is {value!r}; it must be an integer, {least} or more")
        if not float(self.tolerance) > 0.0:
            raise InvalidProblem(f"tolerance is {self.tolerance!r}; it must be positive")
        if self.hyper_reduction == "cubature" and self.projection != "galerkin":
            raise InvalidProblem("hyper_reduction 'cubature' sums Galerkin's equations; use projection 'galerkin'")
        if self.analysis is not None and self.clusters is None:
            raise InvalidProblem("analysis is given without clusters; give their number too, or neither")

    def prepare(self, problem: ParametricPDE) -> PreparedReducedBasis:
        """Solve the full problem for `samples` parameters and make the reduced models: the offline stage."""
        return self.fit(problem)

    def fit(self, problem: ParametricPDE, snapshots: Snapshots | None = None) -> PreparedReducedBasis:
        """Make the reduced models of given snapshots, which must be of this problem.

        Raises
        ------
        InvalidProblem
            If the snapshots do not fit the problem or are too few; if a full solve fails.
        """
        began = time.perf_counter()
        check_pairing(self, problem)
        if snapshots is None:
            count = self.samples if problem.times is None else max(10, self.samples // TRAJECTORIES)
            snapshots = problem.snapshots(problem.sample(count, seed=self.seed))
        _check_snapshots(problem, snapshots)
        solved = time.perf_counter()
        train, held_out = snapshots.split(1.0 - held_out_share(snapshots), seed=self.seed)
        setting: Any = self.analysis
        if self.clusters is None:
            most = len(train) // 8
            tried = tuple(count for count in CLUSTERS if count <= most)
            report = efficiency(train, clusters=tried, sizes=(self.size,), tried=self.candidates, seed=self.seed)
            setting = report.best(self.size)
        projection = self.projection if problem.affine is not None else "regression"
        stage, found = build_stage(
            problem,
            train,
            setting,
            clusters=self.clusters or 1,
            size=self.size,
            projection=projection,
            hyper_reduction=self.hyper_reduction,
            candidates=self.candidates,
            seed=self.seed,
        )
        stage, factor = calibrate(stage, held_out)
        stats = {
            "bases": found.clusters,
            "clustered_by": "one basis" if found.analysis is None else str(found.analysis),
            "projection": projection,
            "snapshot_seconds": solved - began,
            "calibration": factor,
        }
        seconds = time.perf_counter() - began
        name = registered_name(self)
        return PreparedReducedBasis(problem, stage, factor, float(self.tolerance), self.exact, name, seconds, stats)


def _check_snapshots(problem: ParametricPDE, snapshots: Any) -> None:
    if not isinstance(snapshots, Snapshots):
        raise InvalidProblem(
            f"snapshots is a {type(snapshots).__name__}; give ritz.Snapshots, as problem.snapshots does"
        )
    if snapshots.parameters.shape[1] != len(problem.names):
        raise InvalidProblem(
            f"snapshots have {snapshots.parameters.shape[1]} parameters and the problem {len(problem.names)}"
        )
    if problem.size is not None and snapshots.size != problem.size:
        raise InvalidProblem(f"snapshots have {snapshots.size} unknowns and the problem {problem.size}")
    if (problem.times is None) != (snapshots.times is None):
        raise InvalidProblem("snapshots of trajectories, and those alone, have times; these do not fit the problem")
