"""The comparison keeps its word: same terms for all, nothing believed, nothing lost."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.sparse as sp

import ritz
from ritz.backend import to_numpy
from ritz.comparing.environment import environment, pinned_threads
from ritz.comparing.measurement import Competitor, Conditions, ResidualCheck, run_rounds, solver_label
from ritz.comparing.memory import peak_memory
from ritz.errors import InvalidProblem, MissingExtra, UnknownName
from ritz.grid import Grid
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
from ritz.solution import Solution, Status


def poisson_line(n: int = 40) -> LinearSystem:
    matrix = sp.diags_array([-np.ones(n - 1), 2.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    return LinearSystem(matrix.tocsr(), np.linspace(1.0, 2.0, n), grid=Grid.uniform((n,)), name="line")


@dataclass(frozen=True)
class Fake:
    """Solves by dense elimination, after doing as it is told."""

    name: str = "fake"
    log: list[str] = field(default_factory=list)
    factor: float = 1.0
    prepare_error: Exception | None = None
    fail_at: int = 10**9
    calls: list[int] = field(default_factory=list)
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> Any:
        self.log.append(self.name)
        if self.prepare_error is not None:
            raise self.prepare_error
        self.calls.append(1)
        if len(self.calls) >= self.fail_at:
            raise RuntimeError("worn out")
        return _Prepared(self, problem)


@dataclass
class _Prepared:
    owner: Fake
    problem: LinearSystem

    def solve(self, rhs: Any = None, *, x0: Any = None, rtol: float = 1e-8, **controls: Any) -> Solution:
        rhs = to_numpy(self.problem.rhs if rhs is None else rhs)
        x = self.owner.factor * np.linalg.solve(self.problem.operator.to_dense(), rhs)
        return Solution(
            x=x,
            status=Status.CONVERGED,
            iterations=0,
            residual=1e-15,
            history=np.array([1.0]),
            timings={"prepare": 0.0, "solve": 0.0},
            solver=self.owner.name,
        )


def test_rounds_are_interleaved_with_two_uncounted_ones(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ritz.comparing.measurement.SHORT", 0.0)
    log: list[str] = []
    entries = [(name, Fake(name, log)) for name in ("first", "second", "third")]
    comparison = ritz.compare(poisson_line(), entries, repeat=2)
    assert log == ["first", "second", "third"] * 4
    for row in comparison.measurements:
        assert row.converged
        assert len(row.prepare) == len(row.solve) == len(row.total) == 2
        assert all(second > 0 for second in row.total)


def test_a_long_warm_up_is_counted_and_stands_for_memory_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ritz.comparing.measurement.LONG", 0.0)
    monkeypatch.setattr("ritz.comparing.measurement.SHORT", 0.0)
    fake = Fake()
    comparison = ritz.compare(poisson_line(), [fake], repeat=2)
    assert len(fake.calls) == 2
    assert len(comparison.measurements[0].solve) == 2
    assert comparison.measurements[0].memory is not None


def test_a_short_solve_is_run_until_its_median_means_something():
    fake = Fake()
    comparison = ritz.compare(poisson_line(), [fake], repeat=1)
    assert len(fake.calls) > 5
    assert len(comparison.measurements[0].solve) == 1


def test_a_lying_solver_is_caught():
    comparison = ritz.compare(poisson_line(), [("liar", Fake(factor=1.5)), ("honest", Fake())], repeat=1)
    liar = comparison["liar"]
    assert liar.status is Status.CONVERGED
    assert not liar.converged
    assert liar.outcome == "untrue"
    assert liar.residual == pytest.approx(0.5)
    assert "5.0e-01" in liar.note
    assert comparison["honest"].converged
    assert comparison["honest"].residual < 1e-12
    assert comparison.solution is not None
    assert comparison.solution.x == pytest.approx(
        np.linalg.solve(poisson_line().operator.to_dense(), poisson_line().rhs)
    )
    assert np.isnan(comparison["honest"].ratio)  # the baseline is the liar


@dataclass(frozen=True)
class Misshapen(Fake):
    def prepare(self, problem: LinearSystem) -> Any:
        prepared = super().prepare(problem)
        full = prepared.solve()
        column = Solution(full.x[:, None], full.status, 0, 0.0, full.history, full.timings)
        prepared.solve = lambda **controls: column
        return prepared


def test_an_answer_of_the_wrong_shape_is_caught():
    row = ritz.compare(poisson_line(), [Misshapen()], repeat=1).measurements[0]
    assert row.outcome == "untrue"
    assert np.isnan(row.residual)


def test_failures_stay_in_the_table_and_the_rest_go_on():
    entries = [
        ("refuses", Fake(prepare_error=InvalidProblem("not for me"))),
        ("lacks", Fake(prepare_error=MissingExtra("cholmod", "cholmod"))),
        ("breaks", Fake(fail_at=3)),
        ("limited", "cg"),
        ("good", Fake()),
    ]
    comparison = ritz.compare(poisson_line(), entries, repeat=2, maxiter=3)
    outcomes = {row.solver: row.outcome for row in comparison.measurements}
    assert outcomes == {
        "refuses": "failed",
        "lacks": "failed",
        "breaks": "failed",
        "limited": "at limit",
        "good": "converged",
    }
    text = " ".join(str(comparison).split())
    for part in ("not for me", "pip install 'ritz[cholmod]'", "RuntimeError: worn out", "raise maxiter", *outcomes):
        assert part in text
    assert comparison["limited"].residual > 1e-8
    assert comparison["limited"].iterations == 3


def test_ratios_come_from_medians_and_the_baseline_asked_for():
    comparison = ritz.compare(poisson_line(300), ["cg", "lu", ("fake", Fake())], repeat=3, baseline="lu")
    scale = median(comparison["lu"].total)
    for row in comparison.measurements:
        assert row.ratio == pytest.approx(median(row.total) / scale)
    assert comparison["lu"].ratio == 1.0
    assert ritz.compare(poisson_line(), ["cg", "lu"], repeat=1).baseline == "cg"
    assert ritz.compare(poisson_line(), ["cg", ("scipy-cg", Fake())], repeat=1).baseline == "scipy-cg"


def test_matrix_and_right_hand_side_and_solvers_by_name():
    A = np.diag([1.0, 2.0, 4.0])
    by_position = ritz.compare(A, np.ones(3), ["cg", "lu"], repeat=1)
    by_name = ritz.compare(LinearSystem(A, np.ones(3)), solvers=["cg", "lu"], repeat=1)
    assert [row.solver for row in by_position.measurements] == ["cg", "lu"]
    assert [row.iterations for row in by_position.measurements] == [row.iterations for row in by_name.measurements]
    assert by_position["cg"].history[0] == 1.0


def test_sequences_are_marched_and_every_step_is_judged():
    system = poisson_line()
    sequence = SystemSequence(
        operator=system.operator,
        state=system.rhs,
        rhs=lambda state: state,
        advance=lambda state, x: system.rhs + 0.01 * x,
        steps=3,
        name="march",
    )
    comparison = ritz.compare(sequence, ["cg", ("liar", Fake(factor=1.01))], repeat=1)
    trajectory = ritz.solve(sequence, "cg")
    assert comparison["cg"].converged
    assert comparison["cg"].iterations == sum(trajectory.stats["iterations"])
    assert comparison["liar"].residual == pytest.approx(0.01)
    assert comparison.problem["steps"] == 3


def test_a_pde_is_judged_by_its_error_too():
    bar = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.exp(x), exact=lambda x: 1 + (np.e - 1) * x - np.exp(x))
    comparison = ritz.compare(bar, ["finite-difference", "chebyshev"], repeat=1)
    assert all(row.converged for row in comparison.measurements)
    assert comparison["chebyshev"].error < 1e-9 < comparison["finite-difference"].error < 1e-2
    assert "error" in str(comparison)
    assert "error" not in str(ritz.compare(poisson_line(), ["cg"], repeat=1))


def test_what_only_the_record_costs_is_not_charged():
    class Recording(Fake):
        def prepare(self, problem: LinearSystem) -> Any:
            prepared = super().prepare(problem)
            solve = prepared.solve

            def slowly(**controls: Any) -> Solution:
                start = time.perf_counter()
                time.sleep(0.05)
                spent = time.perf_counter() - start
                return replace(solve(**controls), timings={"prepare": 0.0, "solve": 0.0, "recording": spent})

            prepared.solve = slowly
            return prepared

    assert max(ritz.compare(poisson_line(), [Recording()], repeat=1).measurements[0].solve) < 0.05


def test_blocks_are_judged_by_their_worst_column():
    system = poisson_line(10)
    block = system.with_rhs(np.stack([system.rhs, 2.0 * system.rhs], axis=1))
    x = np.linalg.solve(system.operator.to_dense(), block.rhs)
    x[:, 1] *= 1.25
    solution = Solution(x, Status.CONVERGED, 0, 0.0, np.array([1.0]), {})
    residual, met = ResidualCheck(block, 1e-8, 0.0)(solution)
    assert residual == pytest.approx(0.25)
    assert not met


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repeat": 0}, "repeat is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"rtol": -1.0}, "rtol is -1.0"),
        ({"baseline": "lu"}, "baseline 'lu'"),
        ({"solvers": ["cg", "cg"]}, "'cg' stands for two solvers"),
        ({"solvers": []}, "solvers is empty"),
    ],
)
def test_bad_terms_are_refused_before_anything_runs(arguments: dict[str, Any], message: str):
    fake = Fake()
    with pytest.raises(InvalidProblem, match=message):
        ritz.compare(poisson_line(), **{"solvers": [fake], **arguments})
    assert not fake.log


def test_misspelt_names_raise_rather_than_fill_the_table():
    with pytest.raises(UnknownName, match="scipy-cg"):
        ritz.compare(poisson_line(), ["cg", "scipy-gc"])
    with pytest.raises(UnknownName, match="jacobi"):
        ritz.compare(poisson_line(), [ritz.solvers.krylov.conjugate_gradients.ConjugateGradients("jacoby")])


def test_interrupting_a_solver_ends_the_comparison():
    class Interrupted(Fake):
        def prepare(self, problem: LinearSystem) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ritz.compare(poisson_line(), [Interrupted(), Fake()])


def test_labels_tell_options_apart():
    made = ritz.solver.make_solver("cg", {"preconditioner": "jacobi"})
    assert solver_label(made) == "cg(jacobi)"
    assert solver_label(ritz.solver.make_solver("cg", {})) == "cg"


def test_json_holds_every_number_and_the_environment(tmp_path: Any):
    entries = ["cg", ("refuses", Fake(prepare_error=InvalidProblem("no")))]
    comparison = ritz.compare(poisson_line(), entries, repeat=2, seed=7)
    path = tmp_path / "comparison.json"
    text = comparison.to_json(path, command=["ritz", "compare"])
    assert path.read_text() == text
    data = json.loads(text)
    assert set(data) == {"problem", "controls", "baseline", "measurements", "environment", "command"}
    assert data["problem"]["unknowns"] == 40
    good, bad = data["measurements"]
    assert good["status"] == "CONVERGED"
    assert good["converged"] is True
    assert good["solve"]["min"] <= good["solve"]["median"] <= good["solve"]["max"]
    assert len(good["solve"]["rounds"]) == 2
    assert len(good["history"]) == good["iterations"] + 1
    assert (bad["status"], bad["solve"], bad["residual"], bad["ratio"]) == (None, None, None, None)
    assert data["environment"]["seed"] == 7
    assert data["environment"]["threads"] == 1
    assert data["environment"]["versions"]["numpy"] == np.__version__


def test_threads_are_pinned_and_restored():
    import numba
    from threadpoolctl import threadpool_info

    def counts() -> tuple[list[int], int]:
        return sorted(pool["num_threads"] for pool in threadpool_info()), numba.get_num_threads()

    seen: list[tuple[list[int], int]] = []

    class Watching(Fake):
        def prepare(self, problem: LinearSystem) -> Any:
            seen.append(counts())
            return super().prepare(problem)

    ritz.compare(poisson_line(), ["cg"], repeat=1)  # loads the libraries whose pools are counted
    with pinned_threads(2):
        before = counts()
        ritz.compare(poisson_line(), [Watching()], repeat=1, threads=1)
        assert counts() == before
    assert len(seen) >= 3
    for pools, numba_threads in seen:
        assert set(pools) == {1}
        assert numba_threads == 1
    assert environment(threads=2)["threads"] == 2


def test_solvers_that_fail_are_not_run_again():
    fake = Fake(prepare_error=InvalidProblem("no"))
    competitors = [Competitor("refuses", fake)]
    system = poisson_line()
    conditions = Conditions(system, {"rtol": 1e-8}, ResidualCheck(system, 1e-8, 0.0), 3, None)
    run_rounds(competitors, conditions, progress=False)
    assert fake.log == ["fake"]
    assert competitors[0].error == "InvalidProblem: no"


MEGABYTE = 1_000_000


def hold(megabytes: int) -> int:
    return int(np.ones(megabytes * MEGABYTE, dtype=np.int8).sum(dtype=np.int64))


@pytest.mark.parametrize("way", ["recorded", "sampled"])
def test_peak_memory_sees_what_a_call_takes(way: str, monkeypatch: pytest.MonkeyPatch):
    if way == "sampled":
        monkeypatch.setattr("ritz.comparing.memory._reset_peak", lambda: False)
    hold(200)
    result, peak = peak_memory(lambda: hold(200))
    assert result == 200 * MEGABYTE
    assert peak == pytest.approx(200 * MEGABYTE, rel=0.2)
    _, small = peak_memory(lambda: hold(1))
    assert small < 20 * MEGABYTE  # the peak before is forgotten
