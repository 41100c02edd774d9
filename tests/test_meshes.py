"""Equations on meshes: slopes of manufactured solutions, files with tags, and what is refused."""

import pickle

import numpy as np
import pytest

import ritz

skfem = pytest.importorskip("skfem")
meshio = pytest.importorskip("meshio")

PI = np.pi


def wave(*x):
    """Return sin(x + 0.3) cos y cos z, whose negative Laplacian is d times itself."""
    return np.sin(x[0] + 0.3) * np.prod([np.cos(part) for part in x[1:]], axis=0)


def wave_gradient(*x):
    first = np.cos(x[0] + 0.3) * np.prod([np.cos(part) for part in x[1:]], axis=0)
    rest = [-wave(*x) * np.tan(part) for part in x[1:]]
    return first if len(x) == 1 else (first, *rest)


def slopes(errors):
    coarse, fine = np.array(errors)
    return np.log2(coarse / fine)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", ["MeshLine", "MeshTri", "MeshQuad", "MeshTet", "MeshHex"])
def test_poisson_converges_on_every_kind_of_cell(kind, order):
    errors = []
    for refinements in (2, 3):
        mesh = getattr(skfem, kind)().refined(refinements).with_boundaries({"left": lambda x: x[0] < 1e-9})
        d = mesh.dim()
        robin = ("robin", 2.0, lambda *x: 2 * wave(*x) - np.cos(x[0] + 0.3) * wave(*x) / np.sin(x[0] + 0.3))
        problem = ritz.problems.mesh(
            mesh,
            conditions={"left": robin, "boundary": wave},
            source=lambda *x, d=d: d * wave(*x),
            order=order,
        )
        solution = ritz.solve(problem, rtol=1e-10)
        errors.append((solution.l2_error(wave), solution.h1_error(wave, wave_gradient)))
    assert abs(slopes(errors) - [order + 1, order]).max() < 0.25


E, NU = 2.0, 0.3
LAME, SHEAR = E * NU / ((1 + NU) * (1 - 2 * NU)), E / (2 + 2 * NU)


def pull(x, y):
    return (np.sin(x) * np.cos(y), np.zeros_like(x))


def pull_gradient(x, y):
    return (np.cos(x) * np.cos(y), -np.sin(x) * np.sin(y), 0 * x, 0 * x)


def pull_force(x, y):
    return ((LAME + 3 * SHEAR) * np.sin(x) * np.cos(y), (LAME + SHEAR) * np.cos(x) * np.sin(y))


def pull_traction(x, y):
    return ((LAME + 2 * SHEAR) * np.cos(x) * np.cos(y), -SHEAR * np.sin(x) * np.sin(y))


@pytest.mark.parametrize("order", [1, 2])
def test_elasticity_converges(order):
    errors = []
    for refinements in (3, 4):
        mesh = skfem.MeshTri().refined(refinements).with_boundaries({"right": lambda x: x[0] > 1 - 1e-9})
        problem = ritz.problems.mesh(
            mesh,
            equation="elasticity",
            conditions={"right": ("neumann", pull_traction), "boundary": pull},
            source=pull_force,
            coefficient=E,
            poisson_ratio=NU,
            order=order,
        )
        solution = ritz.solve(problem, rtol=1e-10)
        errors.append((solution.l2_error(pull), solution.h1_error(pull, pull_gradient)))
    assert abs(slopes(errors) - [order + 1, order]).max() < 0.15


def swirl(x, y):
    return (np.sin(PI * x) * np.cos(PI * y), -np.cos(PI * x) * np.sin(PI * y))


def swirl_gradient(x, y):
    along, across = PI * np.cos(PI * x) * np.cos(PI * y), PI * np.sin(PI * x) * np.sin(PI * y)
    return (along, -across, across, -along)


def test_stokes_converges_in_velocity_and_pressure():
    errors, viscosity = [], 0.7
    for refinements in (3, 4):
        problem = ritz.problems.mesh(
            skfem.MeshTri().refined(refinements),
            equation="stokes",
            conditions={"boundary": swirl},
            source=lambda x, y: (2 * viscosity * PI**2 * swirl(x, y)[0] + 1, 2 * viscosity * PI**2 * swirl(x, y)[1]),
            coefficient=viscosity,
            order=2,
        )
        solution = ritz.solve(problem, rtol=1e-10)
        pressure = np.abs(solution.pressure - (solution.points[:, 0] - 0.5)).max()
        errors.append((solution.l2_error(swirl), solution.h1_error(swirl, swirl_gradient), pressure))
    found = slopes(errors)
    assert abs(found[:2] - [3, 2]).max() < 0.15
    assert found[2] > 1.8


def test_helmholtz_converges():
    errors = []
    for refinements in (4, 5):
        problem = ritz.problems.mesh(
            skfem.MeshTri().refined(refinements),
            equation="helmholtz",
            wave_number=5.0,
            conditions={"boundary": lambda x, y: np.sin(3 * x) * np.sin(4.5 * y)},
            source=lambda x, y: (9 + 20.25 - 25) * np.sin(3 * x) * np.sin(4.5 * y),
            order=2,
        )
        errors.append(ritz.solve(problem, rtol=1e-10).l2_error(lambda x, y: np.sin(3 * x) * np.sin(4.5 * y)))
    assert abs(slopes(errors) - 3) < 0.15


def tagged(refinements=3):
    """Return a square of two materials whose left and right sides are named."""
    mesh = skfem.MeshTri().refined(refinements)
    sides = [mesh.facets_satisfying(lambda x, a=a: np.isclose(x[0], a)) for a in (0.0, 1.0)]
    tags = np.concatenate([np.full(len(side), number + 1) for number, side in enumerate(sides)])
    material = np.where(mesh.p[0, mesh.t].mean(axis=0) < 0.5, 7, 8)
    cells = [("line", mesh.facets[:, np.concatenate(sides)].T), ("triangle", mesh.t.T)]
    names = {"inlet": np.array([1, 1]), "wall": np.array([2, 1]), "soft": np.array([7, 2]), "hard": np.array([8, 2])}
    points = np.vstack([np.c_[mesh.p.T, np.zeros(mesh.p.shape[1])], [[5.0, 5.0, 0.0]]])  # the last in no cell
    data = {"gmsh:physical": [tags, material], "gmsh:geometrical": [tags, material]}
    return meshio.Mesh(points, cells, cell_data=data, field_data=names)


@pytest.mark.parametrize("suffix", [".msh", ".vtu", ".vtk", ".xdmf"])
def test_tags_of_files(suffix, tmp_path):
    options = {".msh": {"file_format": "gmsh22"}, ".xdmf": {"data_format": "XML"}}.get(suffix, {})
    path = tmp_path / f"part{suffix}"
    meshio.write(path, tagged(), **options)
    named = suffix == ".msh"
    inlet, wall, soft, hard = ("inlet", "wall", "soft", "hard") if named else ("1", "2", "7", "8")
    problem = ritz.problems.mesh(
        path, equation="heat", conditions={inlet: 0.0, wall: 1.0}, coefficient={soft: 1.0, hard: 3.0}, order=2
    )
    solution = ritz.solve(problem, rtol=1e-12)
    assert np.allclose(solution.interpolate([[0.5, 0.3], [0.25, 0.9]]), [0.75, 0.375], atol=1e-9)
    back = pickle.loads(pickle.dumps(solution))
    assert np.array_equal(back.interpolate([[0.5, 0.3]]), solution.interpolate([[0.5, 0.3]]))


def square(**changed):
    arguments = {"conditions": {"inlet": 0.0}, **changed}
    return ritz.problems.mesh(arguments.pop("file", tagged(2)), **arguments)


def flat_mesh():
    return meshio.Mesh([[0, 0], [1, 0], [2, 0], [0, 1]], [("triangle", [[0, 1, 2], [0, 1, 3]])])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"conditions": {"outlet": 0.0}}, "conditions names 'outlet'.*'inlet', 'wall'"),
        ({"conditions": {"inlet": (0.0, 0.0, 0.0)}, "equation": "elasticity"}, "conditions.*3 comp.*2-D mesh takes 2"),
        ({"equation": "elasticity", "conditions": {"inlet": (0, 0)}, "source": (0, 0, 1)}, "source.*3 components.*2-D"),
        ({"file": flat_mesh()}, "file has 1 degenerate cell"),
        ({"file": "part.unknown"}, "file is 'part.unknown'"),
        ({"file": __file__}, "file is.*'.py' is no known format"),
        ({"file": 3}, "file is a int"),
        ({"conditions": {"inlet": ("robin", 1.0)}}, r"conditions\['inlet'\]"),
        ({"conditions": {"inlet": ("robin", -1.0, 0.0)}}, "inlet.*must not be negative"),
        ({"conditions": {"inlet": np.nan}}, "inlet.*NaN"),
        ({"conditions": {"inlet": ("neumann", 1.0)}}, "conditions determine u only up to a constant"),
        ({"conditions": {"inlet": (0, None)}, "equation": "elasticity"}, "conditions determine u only up to rigid"),
        ({"conditions": {"boundary": (1.0, 0.0), "inlet": (2.0, 0.0)}, "equation": "stokes", "order": 2}, "more flow"),
        ({"conditions": 0.0}, "conditions is a float"),
        ({"coefficient": {"rubber": 1.0}}, "coefficient names the region 'rubber'.*'hard', 'soft'"),
        ({"coefficient": {"soft": 1.0}}, "coefficient leaves .* without a value"),
        ({"coefficient": -1.0}, "coefficient is -1"),
        ({"source": lambda x, y: "red"}, "source"),
        ({"order": 3}, "order"),
        ({"equation": "stokes"}, "order is 1"),
        ({"equation": "wave"}, "equation"),
        ({"equation": "helmholtz"}, "wave_number"),
        ({"poisson_ratio": 0.5}, "poisson_ratio"),
    ],
)
def test_bad_input_is_named(changed, words):
    with pytest.raises((ritz.InvalidProblem, ritz.UnknownName), match=words):
        square(**changed)


def test_overlapping_parts_are_named():
    mesh = skfem.MeshTri().refined(2).with_boundaries({"low": lambda x: x[1] < 0.1, "all": lambda x: x[0] < 2})
    with pytest.raises(ritz.InvalidProblem, match="'low' and 'all' share 4 facets"):
        ritz.problems.mesh(mesh, conditions={"low": 0.0, "all": 1.0})


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "part.msh"
    path.write_text("not a mesh")
    with pytest.raises(ritz.InvalidProblem, match=r"part\.msh' cannot be read"):
        ritz.problems.mesh(path, conditions={})


def test_points_outside_are_refused_and_plots_are_drawn():
    solution = ritz.solve(square(order=2, source=1.0))
    with pytest.raises(ritz.InvalidProblem, match="outside the mesh"):
        solution.interpolate([[2.0, 2.0]])
    with pytest.raises(ritz.InvalidProblem, match=r"must be \(P, 2\)"):
        solution.interpolate([0.5, 0.5])
    assert len(solution.plot().axes) == 3
    body = skfem.MeshHex().refined(1).with_boundaries({"left": lambda x: x[0] < 0.1})
    bent = ritz.solve(
        ritz.problems.mesh(body, equation="elasticity", conditions={"left": (0, 0, 0)}, source=(0, 0, -1))
    )
    assert len(bent.plot().axes) == 3
