"""The benchmark suites run at their quick size, and what they compute from rows is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import SUITES, main
from benchmarks.harness import growth_exponents, load, save
from benchmarks.linear_systems import automatic, bootstrap_amg, conjugate_gradients, grid_solvers, growth, mic


def row(family: str, solver: str, unknowns: int, seconds: float, **other: Any) -> dict[str, Any]:
    spread = {"median": seconds, "min": seconds, "max": seconds}
    known = {"family": family, "solver": solver, "unknowns": unknowns, "total": spread, "solve": spread}
    return {
        **known,
        "converged": True,
        "iterations": 10,
        "chosen": "lu: small",
        "ratio": 1.0,
        "residual": 1e-9,
        **other,
    }


def test_growth_exponent_of_a_power_law():
    rows = [row("f", "s", n, 3e-9 * n**1.5) for n in (100, 1000, 5000)]
    assert growth_exponents(rows)["f", "s"] == pytest.approx(1.5)
    assert growth_exponents(rows[:2]) == {}


def test_auto_is_held_against_the_best_other_solver_that_converged():
    rows = [row("f", "auto", 9, 2.0), row("f", "lu", 9, 1.6), row("f", "cg", 9, 0.1, converged=False)]
    [(auto, best, ratio)] = automatic.verdicts(rows)
    assert (auto["solver"], best["solver"]) == ("auto", "lu")
    assert ratio == pytest.approx(1.25)


def test_rows_survive_saving(tmp_path: Path):
    rows = [row("f", "lu", 9, 1.0, residual=float("nan"))]
    save(rows, tmp_path / "rows.jsonl")
    [back] = load(tmp_path / "rows.jsonl")
    assert back["residual"] != back["residual"]
    assert back["total"] == rows[0]["total"]


COMPARISONS = [bootstrap_amg, conjugate_gradients, growth, grid_solvers, mic]


@pytest.mark.parametrize("module", COMPARISONS)
def test_quick_run(module: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main([module.SUITE.name, "--quick", "--output", str(tmp_path)])
    rows = load(tmp_path / f"{module.SUITE.name}.jsonl")
    assert {row["environment"]["threads"] for row in rows} == {1}
    assert all(row["residual"] <= 1.01e-8 for row in rows if row["converged"])
    assert sum(row["converged"] for row in rows) > 0.9 * len(rows)
    assert (tmp_path / f"{module.SUITE.name}.png").stat().st_size > 5000
    assert module.SUITE.question in capsys.readouterr().out


OTHERS = [name for name, suite in SUITES.items() if suite not in [module.SUITE for module in COMPARISONS]]


@pytest.mark.parametrize("name", OTHERS)
def test_quick_run_of_suites_with_rows_of_their_own(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main([name, "--quick", "--output", str(tmp_path)])
    rows = load(tmp_path / f"{name}.jsonl")
    assert rows
    assert {row.get("suite", name) for row in rows} == {name}
    assert (tmp_path / f"{name}.png").stat().st_size > 5000
    assert SUITES[name].question in " ".join(capsys.readouterr().out.split())  # however lines are broken


def test_targets_of_the_grid_solvers():
    rows = load(Path(__file__).parents[1] / "benchmarks" / "results" / "grid-solvers.jsonl")
    found = {
        (problem, measure): (target, reached) for problem, measure, target, reached, _ in grid_solvers.targets(rows)
    }
    target, reached = found[grid_solvers.WALLS, "iterations"]
    assert reached <= target
    case = grid_solvers.at(rows, grid_solvers.ROTATED)
    assert grid_solvers.ratio(case, "multigrid", "total") == 1.0


def test_cg_takes_as_many_iterations_as_scipy():
    for ours, theirs, _ in conjugate_gradients.pairs(conjugate_gradients.run(quick=True)):
        assert abs(ours["iterations"] - theirs["iterations"]) <= 1, ours["family"]


def test_unknown_suite_is_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "'speed'" in capsys.readouterr().err
