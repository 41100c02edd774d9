"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from typer.testing import CliRunner

import ritz
from ritz import registry
from ritz.command_line import options as cli_options
from ritz.command_line.cli import app
from ritz.command_line.demo import run_demo
from ritz.errors import InvalidProblem, UnknownOption


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_solve_prints_and_writes_what_it_found(tmp_path: Path):
    paths = {name: tmp_path / name for name in ("u.png", "u.json", "u.npy")}
    result = run(
        *("solve", "poisson", "--shape", 12, 10, "--boundary", "mixed", "--solver", "cg"),
        *("--option", "preconditioner=jacobi", "--rtol", "1e-9", "--seed", 3),
        *("--plot", paths["u.png"], "--json", paths["u.json"], "--save", paths["u.npy"]),
    )
    assert result.exit_code == 0, result.output
    assert "CONVERGED" in result.stdout
    assert "120" in result.stdout
    assert paths["u.png"].read_bytes().startswith(b"\x89PNG")
    expected = ritz.problems.poisson((12, 10), boundary="mixed")
    x = np.load(paths["u.npy"])
    assert np.linalg.norm(expected.rhs - expected.operator @ x) <= 1e-9 * np.linalg.norm(expected.rhs)
    data = json.loads(paths["u.json"].read_text())
    assert set(data) == {"command", "problem", "controls", "solution", "environment"}
    assert data["command"][:4] == ["ritz", "solve", "poisson", "--shape"]
    assert data["problem"]["shape"] == [12, 10]
    assert data["solution"]["stats"]["preconditioner"] == "jacobi"
    assert len(data["solution"]["history"]) == data["solution"]["iterations"] + 1
    assert data["solution"]["residual"] <= 1e-9
    assert data["environment"]["seed"] == 3
    assert data["environment"]["versions"]["ritz"]


def test_not_converging_exits_with_3_and_still_writes(tmp_path: Path):
    path = tmp_path / "out.json"
    result = run("solve", "poisson", "--solver", "cg", "--maxiter", 2, "--json", path)
    assert result.exit_code == 3
    assert "MAX_ITERATIONS" in result.stdout
    assert json.loads(path.read_text())["solution"]["converged"] is False


def test_a_matrix_market_file_is_a_problem(tmp_path: Path):
    path = tmp_path / "line.mtx"
    scipy.io.mmwrite(path, sp.diags_array([2.0 * np.ones(9), -np.ones(8)], offsets=[0, 1]))
    result = run("solve", path, "--solver", "lu")
    assert result.exit_code == 0, result.output
    assert "line" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["solve"], "ritz solve PROBLEM"),
        (["solve", "poison"], "did you mean 'poisson'"),
        (["solve", "--shape", "8", "poisson"], "the problem comes first"),
        (["solve", "poisson", "--shap", "8", "8"], "no option 'shap'; did you mean 'shape'"),
        (["solve", "poisson", "--rtoll", "1"], "did you mean 'rtol'"),
        (["solve", "poisson", "--obstacles", "six"], "'six'; it must be an integer"),
        (["solve", "poisson", "--obstacles", "1", "2"], "takes one value"),
        (["solve", "poisson", "--obstacles"], "needs a value"),
        (["solve", "poisson", "--shape", "8", "-x"], "written out"),
        (["solve", "poisson", "8"], "'8' belongs to no option"),
        (["solve", "poisson", "--shape", "0"], "shape is"),
        (["solve", "poisson", "--boundary", "open"], "'open'"),
        (["solve", "poisson", "--solver", "gc"], "unknown solver 'gc'"),
        (["solve", "poisson", "--solver", "cg", "--option", "precond=jacobi"], "did you mean 'preconditioner'"),
        (["solve", "poisson", "--solver", "cg", "--option", "jacobi"], "key=value"),
        (["solve", "poisson", "--rtol", "-1"], "rtol is -1.0"),
        (["solve", "missing.mtx"], "missing.mtx"),
        (["solve", "advection-diffusion", "--solver", "cg"], "symmetric"),
        (["solve", "poisson", "--plot", "no/folder/u.png"], "there is no folder 'no/folder'"),
        (["compare", "poisson", "--html", "no/folder/u.html"], "there is no folder 'no/folder'"),
        (["compare", "poisson", "--solvers", "cg,scipy-gc"], "did you mean 'scipy-cg'"),
        (["compare", "poisson", "--solvers", "cg", "--repeat", "0"], "repeat is 0"),
        (["compare", "poisson", "--solvers", "cg", "--baseline", "lu"], "baseline 'lu'"),
        (["list", "solver"], "did you mean 'solvers'"),
        (["figure", "nothing-of-that-name"], "unknown figure"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(words: list[str], message: str):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_misspelt_values_of_our_own_options_exit_with_2_too():
    assert run("solve", "poisson", "--rtol", "small").exit_code == 2


def test_compare_prints_a_table_and_writes_reports(tmp_path: Path):
    paths = {name: tmp_path / name for name in ("c.html", "c.json", "c.png")}
    result = run(
        *("compare", "poisson", "--shape", 16, 16, "--obstacles", 1, "--repeat", 1),
        *("--solvers", "auto,scipy-cg,cg:preconditioner=jacobi,pyamg-sa"),
        *("--html", paths["c.html"], "--json", paths["c.json"], "--plot", paths["c.png"]),
    )
    assert result.exit_code == 0, result.output
    for name in (
        "auto",
        "scipy-cg",
        "cg:preconditioner=jacobi",
        "pyamg-sa",
        "iterations",
        "residual",
        "memory",
        "ratio",
    ):
        assert name in result.stdout
    assert "auto: chose" in result.stdout
    data = json.loads(paths["c.json"].read_text())
    assert [row["solver"] for row in data["measurements"]][2] == "cg:preconditioner=jacobi"
    assert data["baseline"] == "scipy-cg"
    assert data["command"][:2] == ["ritz", "compare"]
    assert "cg:preconditioner=jacobi" in paths["c.html"].read_text()
    assert paths["c.png"].read_bytes().startswith(b"\x89PNG")


def test_compare_exits_with_3_only_if_every_solver_failed():
    some = ("compare", "poisson", "--shape", 16, 16, "--repeat", 1, "--maxiter", 2, "--solvers")
    assert run(*some, "cg,minres").exit_code == 3
    assert run(*some, "cg,lu").exit_code == 0


def test_list_names_everything_registered():
    result = run("list")
    assert result.exit_code == 0
    for entries in (registry.problems, registry.solvers, registry.preconditioners, registry.figures):
        for name in entries.names():
            assert f" {name} " in result.stdout
    assert "cite" not in result.stdout
    assert "poisson" not in run("list", "preconditioners").stdout


def test_help_of_a_problem_lists_its_own_options():
    plain, full = run("solve", "--help"), run("solve", "poisson", "--help")
    assert plain.exit_code == full.exit_code == 0
    assert "--solid-boundary" not in plain.stdout
    for words in ("--maxiter", "--solid-boundary", "64 64", "Cells along each of one to three axes."):
        assert words in full.stdout
    assert run("compare", "poison", "--help").exit_code == 2


def test_info_names_versions():
    result = run("info")
    assert result.exit_code == 0
    assert np.__version__ in result.stdout
    assert "scikit-fem" in result.stdout


def test_figures_are_drawn_into_the_file_asked_for(tmp_path: Path):
    path = tmp_path / "orders.png"
    result = run("figure", "convergence-orders", "--quick", "--output", path)
    assert result.exit_code == 0, result.output
    assert path.read_bytes().startswith(b"\x89PNG")
    assert str(path) in result.stdout


def test_the_demo_writes_a_report_and_pictures_of_both_problems(tmp_path: Path):
    folder = tmp_path / "output" / "demo"
    comparisons = dict(run_demo(folder, cells=(24, 8)))
    endings = ("-solution.png", "-convergence.png", ".html", ".json")
    names = {name + ending for name in ("poisson-2d", "poisson-3d") for ending in endings}
    assert {path.name for path in folder.iterdir()} == names
    for comparison in comparisons.values():
        assert all(row.converged for row in comparison.measurements)
        assert comparison.baseline == "scipy-cg"


def test_as_a_module_without_torch():
    code = "import sys; from ritz.command_line.cli import main; sys.argv = ['ritz', 'list', 'solvers']\n"
    code += "try: main()\nfinally: print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout.rstrip().endswith("False False")
    words = [sys.executable, "-m", "ritz", "solve", "poisson", "--shape", "8", "8", "--solver", "lu"]
    solved = subprocess.run(words, capture_output=True, text=True, check=False)
    assert solved.returncode == 0, solved.stderr
    assert "CONVERGED" in solved.stdout
    assert "\x1b" not in solved.stdout
    refused = subprocess.run([*words[:4], "poison"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def example(
    shape: tuple[int, ...],
    *,
    scale: float = 1.0,
    count: int | None = None,
    spacing: float | tuple[float, ...] = 1.0,
    flag: bool = False,
    kind: Literal["a", "b"] = "a",
    sides: str | dict[str, str] = "x",
    data: Any = None,
) -> None:
    """Do nothing.

    Parameters
    ----------
    shape : tuple of int
        How `many`
        of them.
    scale, spacing : float
        Sizes.

    Returns
    -------
    None
        scale : not this
    """


@pytest.mark.parametrize(
    ("name", "words", "value"),
    [
        ("shape", "4", (4,)),
        ("shape", "4 5", (4, 5)),
        ("scale", "1e6", 1e6),
        ("scale", "-3", -3.0),
        ("count", "none", None),
        ("count", "7", 7),
        ("spacing", "0.5", 0.5),
        ("spacing", "0.5 1", (0.5, 1.0)),
        ("flag", "", True),
        ("flag", "no", False),
        ("kind", "b", "b"),
        ("sides", "y", "y"),
        ("sides", "x-=y x+=z", {"x-": "y", "x+": "z"}),
        ("data", "3", 3),
        ("data", "1 a", (1, "a")),
    ],
)
def test_words_become_values_by_the_signature(name: str, words: str, value: Any):
    got = cli_options.problem_parameters(example)[name].convert("example", words.split())
    assert got == value
    assert type(got) is type(value)


def test_arrays_are_read_from_files(tmp_path: Path):
    path = tmp_path / "data.npy"
    np.save(path, np.eye(2))
    parameter = cli_options.problem_parameters(example)["data"]
    assert np.array_equal(parameter.convert("example", [str(path)]), np.eye(2))
    with pytest.raises(InvalidProblem, match="cannot be read"):
        parameter.convert("example", [str(tmp_path / "none.npy")])


@pytest.mark.parametrize(("name", "words"), [("kind", "c"), ("flag", "maybe"), ("count", "1.5"), ("scale", "1 2")])
def test_words_that_fit_no_type_are_refused(name: str, words: str):
    with pytest.raises(InvalidProblem, match=f"--{name} of example"):
        cli_options.problem_parameters(example)[name].convert("example", words.split())


def test_descriptions_come_from_the_docstring():
    parameters = cli_options.problem_parameters(example)
    assert parameters["shape"].description == "How many of them."
    assert parameters["scale"].description == parameters["spacing"].description == "Sizes."
    assert parameters["flag"].description == ""


def test_words_are_grouped_by_option():
    assert cli_options.grouped(["--a-b", "1", "-2", "--c=3", "--d"]) == {"a_b": ["1", "-2"], "c": ["3"], "d": []}


def test_solver_options_are_checked():
    label, solver = cli_options.parse_solver("cg:preconditioner=jacobi")
    assert label == "cg:preconditioner=jacobi"
    assert solver.preconditioner == "jacobi"
    assert cli_options.parse_solver("lu") == ("lu", "lu")
    with pytest.raises(UnknownOption, match="preconditioner"):
        cli_options.parse_solver("cg:preconditoner=jacobi")
