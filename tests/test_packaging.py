"""What is installed is what is in the tree, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"ritz": "ritz", "problems": "ritz/problems", "solvers": "ritz/solvers", "figures": "ritz/figures"}


def tree_files() -> set[str]:
    """Return every file of the package as the wheel should name it."""
    files: set[str] = set()
    for folder, target in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT / folder)
            linked = any((ROOT / folder / part).is_symlink() for part in [inside.parts[0]])
            if path.is_file() and not linked and "__pycache__" not in inside.parts:
                files.add(f"{target}/{inside.as_posix()}")
    return files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel from a clean copy of the tree, so that no stale build folder can leak into it."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, listed):
        original, copy = ROOT / name, source / name
        if original.is_symlink() or not original.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(original.read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", "dist", "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return next((source / "dist").glob("*.whl"))


def test_wheel_holds_the_tree(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == tree_files()


def test_weights_in_the_wheel_are_sound_and_small(wheel: Path, tmp_path: Path):
    from ritz.solvers.training.weights import load_weights

    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".safetensors")]
        paths = [Path(archive.extract(name, tmp_path)) for name in names]
    assert {name.split("/")[-2] for name in names} <= {"weights"}
    assert sum(path.stat().st_size for path in paths) < 2e6
    for path in paths:
        weights = load_weights(path)
        assert weights.training
        assert weights.validation


def test_wheel_runs_where_there_is_no_checkout(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import ritz, numpy; print(ritz.__file__); s = ritz.solve(ritz.problems.poisson((8, 8))); assert s.converged"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout


def test_every_hard_requirement_is_declared_with_its_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    names = {requirement.split(">=")[0].lower() for requirement in project["dependencies"]}
    assert names <= pinned
    assert {"numpy", "scipy", "pyamg", "gpytorch", "torch", "matplotlib", "numba", "scikit-learn"} <= names
    gpl = {"ducc0", "scikit-sparse", "igraph", "leidenalg", "kmedoids"}
    assert not names & gpl


def test_version_is_said_once():
    import ritz

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ritz.__version__
    assert f"version: {ritz.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {ritz.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_importing_ritz_loads_nothing_else(tmp_path: Path):
    # What keeps `import ritz` far below the promised 0.3 s, without a clock in the test.
    code = "import sys, ritz; sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'torch', 'numba')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("module", ["torch", "gpytorch", "numba", "pyamg", "matplotlib", "sklearn", "typer", "rich"])
def test_heavy_modules_wait_until_they_are_used(module: str):
    code = (
        "import sys, ritz, ritz.registry as r; r.solvers.names(); r.problems.names(); r.preconditioners.names();"
        f"sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("folder", ["solvers", "problems", "figures"])
def test_importing_a_root_folder_says_what_to_import(folder: str):
    done = subprocess.run([sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"import ritz.{folder}" in done.stderr.strip().splitlines()[-1]


def test_files_stay_small():
    sizes = {path: len(path.read_text().splitlines()) for path in ROOT.glob("**/*.py") if ".venv" not in path.parts}
    assert {str(path): lines for path, lines in sizes.items() if lines > 500} == {}
