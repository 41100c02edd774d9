"""The layout of the package: who may import whom, what a first solve loads, and how names are found."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from imports import ROOT, circles, imports, modules

import ritz
from ritz import registry
from ritz.operators import Stencil
from ritz.problem_types.kinds import KINDS
from ritz.solvers.auto.defaults import DEFAULTS
from ritz.solvers.preconditioners import build_preconditioner

REGISTRIES = ("solvers", "problems", "preconditioners", "figures", "recipes")

# A module may import what stands in its own row or in an earlier one.
GROUND_FLOOR = (
    ("errors", "registry", "arguments", "backend", "kernels", "pickling", "progress", "extras", "recipe", "notebook"),
    ("files", "grid", "solution", "plotting", "saving"),
    ("operators", "newton"),
    ("problem_types",),
    ("solver", "iteration", "sequences", "solving"),
    ("comparing", "estimators", "command_line", "__main__"),
)
ROOMS = (
    ("spectrum", "preconditioners", "krylov", "direct", "partitioning"),
    ("training", "multigrid"),
    (
        *("conjugate_directions", "collocation", "neural", "gaussian_process", "reduced_basis", "clustering"),
        *("regression", "time_stepping"),
    ),
    ("peers",),
    ("auto",),
)
METHOD_ROOMS = ROOMS[2]


def row_of(module, rows, depth):
    """Return the number of the row a module stands in, None for a module of another part of the package."""
    parts = module.split(".")
    return next((number for number, row in enumerate(rows) if len(parts) > depth and parts[depth] in row), None)


def goes_up(importer, imported):
    """Return whether an import breaks the rule of who may import whom."""
    part, other = importer.split(".")[1], imported.split(".")[1]
    if part == "figures":
        return False
    if part == "problems":
        return other in {"solvers", "figures"}
    if part == "solvers" and other == "solvers":
        rooms = [module.split(".")[2] for module in (importer, imported) if module.count(".") > 1]
        rows = [row_of(module, ROOMS, 2) for module in (importer, imported)]
        return len(set(rooms)) == 2 and (rows[1] > rows[0] or rows[0] == rows[1] == ROOMS.index(METHOD_ROOMS))
    if part == "solvers":
        return other in {"problems", "figures"}
    rows = [row_of(module, GROUND_FLOOR, 1) for module in (importer, imported)]
    return rows[1] is None or rows[1] > rows[0]


def test_imports_go_down():
    inside = [found for found in imports() if "." in found.importer and "." in found.imported and not found.typing]
    assert [found[:2] for found in inside if goes_up(*found[:2])] == []


def test_every_room_has_its_place():
    rooms = {name.split(".")[2] for name in modules() if name.startswith("ritz.solvers.")}
    assert rooms == {room for row in ROOMS for room in row}
    ground = {name.split(".")[1] for name in modules() if name.startswith("ritz.")}
    assert ground - {"solvers", "problems", "figures"} == {room for row in GROUND_FLOOR for room in row}


def test_the_algebra_of_operators_is_the_only_circle():
    running = {(importer, imported) for importer, imported, typing in imports() if not typing}
    assert [
        circle for circle in circles(running) if not all(name.startswith("ritz.operators.") for name in circle)
    ] == []


def test_type_checkers_see_few_circles():
    everything = {(importer, imported) for importer, imported, _ in imports()}
    assert len(circles(everything)) <= 1 + 2  # the algebra of operators, and two more


def test_rooms_are_small():
    loose: dict[Path, int] = {}
    for path in modules().values():
        loose[path.parent] = loose.get(path.parent, 0) + 1
    crowded = {str(folder.relative_to(ROOT)): count for folder, count in loose.items() if count > 17}  # with __init__
    assert crowded == {}


def test_doors_open():
    for name, path in modules().items():
        if path.with_suffix(".pyi").exists():
            package = importlib.import_module(name)
            assert package.__all__
            for public in package.__all__:
                assert getattr(package, public) is not None


@pytest.mark.parametrize("kind", REGISTRIES)
def test_reading_finds_what_importing_finds(kind):
    for name in set(modules()) - {"ritz.__main__"}:
        importlib.import_module(name)
    names = getattr(registry, kind)
    assert sorted(names.loaded()) == names.names()
    for name in names.names():
        assert names.name_of(names[name]) is not None


def loaded(code, tmp_path):
    """Return the modules of Ritz that are loaded once some code has run in a process of its own."""
    code += "\nimport sys, json; print(json.dumps([name for name in sys.modules if name.split('.')[0] == 'ritz']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


MATRIX = """
import numpy as np, scipy.sparse as sp, ritz
A = sp.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(400, 400)).tocsr()
"""


@pytest.mark.parametrize(
    ("call", "most"),
    [
        ("ritz.solve(A, np.ones(400), 'cg')", 45),
        ("from ritz.solvers.krylov import GMRES; ritz.solve(A, np.ones(400), GMRES())", 45),
        ("ritz.solve(A, np.ones(400))", 70),
        ("ritz.solve(np.eye(3), np.ones(3))", 70),
    ],
)
def test_a_first_solve_loads_what_it_needs(call, most, tmp_path):
    assert len(loaded(MATRIX + call, tmp_path)) <= most


def copy_of_the_package(tmp_path):
    """Return a folder with a copy of the package as it is installed."""
    package = tmp_path / "copy" / "ritz"
    ignored = shutil.ignore_patterns("__pycache__", "solvers", "problems", "figures")
    shutil.copytree(ROOT / "ritz", package, ignore=ignored)
    for folder in ("solvers", "problems", "figures"):
        shutil.copytree(ROOT / folder, package / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def run_copy(package, code):
    """Run code with the copy, in a process of its own, and return its output."""
    code = f"import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]\n{code}"
    done = subprocess.run([sys.executable, "-c", code], cwd=package.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_broken_file_breaks_nothing_else(tmp_path):
    package = copy_of_the_package(tmp_path)
    (package / "solvers" / "krylov" / "half_written.py").write_text('@register("half-written")\nclass (:\n')
    code = "import numpy as np, ritz; print(ritz.__file__); print(ritz.solve(np.eye(2), np.ones(2)).x.tolist())"
    out = run_copy(package, code)
    assert str(package) in out
    assert "[1.0, 1.0]" in out


def test_a_name_used_twice_is_refused_with_both_places(tmp_path):
    package = copy_of_the_package(tmp_path)
    (package / "solvers" / "krylov" / "again.py").write_text('@register("minres")\nclass Again:\n    pass\n')
    out = run_copy(
        package,
        "from ritz.registry import solvers\ntry:\n    solvers['cg']\nexcept ValueError as error:\n    print(error)",
    )
    assert "minres" in out
    assert "krylov.again" in out


PLUGIN = """
from dataclasses import dataclass
from typing import Any, ClassVar
import ritz
from ritz.registry import register

class Riddle:
    pass

@register("a-plugin")
@dataclass(frozen=True)
class APlugin:
    solves: ClassVar[type] = ritz.LpRegression
    requires: ClassVar[frozenset] = frozenset()
    def prepare(self, problem: Any) -> Any:
        raise AssertionError("the plugin was chosen")

@register("oracle")
@dataclass(frozen=True)
class Oracle:
    solves: ClassVar[type] = Riddle
    requires: ClassVar[frozenset] = frozenset()
    def prepare(self, problem: Any) -> Any:
        raise ritz.InvalidProblem("the oracle was asked")
"""


def with_plugin(tmp_path, source, code):
    """Run code where a distribution with a plugin is installed, and return its output and warnings."""
    (tmp_path / "their_solvers.py").write_text(source)
    facts = tmp_path / "their_solvers-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: their-solvers\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[ritz.solvers]\ntheirs = their_solvers\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_plugin_takes_nothing_over(tmp_path):
    code = (
        "import numpy as np, ritz; from ritz.registry import solvers; assert 'a-plugin' in solvers.names()\n"
        "problem = ritz.LpRegression(np.ones((3, 1)), np.array([1.0, 2.0, 9.0]), p=1)\n"
        "print(ritz.solve(problem).stats['chosen'])"
    )
    assert with_plugin(tmp_path, PLUGIN, code).startswith("lp: ")


def test_a_plugin_brings_its_own_kind_of_problem(tmp_path):
    code = (
        "import ritz, their_solvers\ntry:\n    ritz.solve(their_solvers.Riddle())\n"
        "except ritz.InvalidProblem as error:\n    print(error)"
    )
    assert "the oracle was asked" in with_plugin(tmp_path, PLUGIN, code)


def test_a_broken_plugin_is_named_and_left_out(tmp_path):
    code = "import ritz, numpy as np; from ritz.registry import solvers; print('cg' in solvers.names())"
    out = with_plugin(tmp_path, "import no_such_package", code)
    assert "True" in out
    assert "'theirs'" in out
    assert "no_such_package" in out


def test_defaults_are_declared_for_every_kind():
    kinds = {registry.solvers[name].solves.__name__ for name in registry.solvers.names()} - {"object"}
    assert kinds <= set(KINDS)
    assert set(DEFAULTS) == kinds - {"LinearSystem", "PDE"}
    for kind, name in DEFAULTS.items():
        assert registry.solvers[name].solves.__name__ == kind


def test_preconditioners_are_found_wherever_they_live():
    assert {"multigrid", "learned-multigrid", "bootstrap-amg", "jacobi"} <= set(registry.preconditioners.names())
    for name in ("multigrid", "learned-multigrid"):
        inverse, stats = build_preconditioner(name, Stencil((64, 64)))
        assert inverse.shape == (4096, 4096)
        assert stats["preconditioner"] == name


def test_public_names_are_listed():
    assert {"solve", "compare", "PDE", "LinearSystem", "problems", "operators"} <= set(dir(ritz))
