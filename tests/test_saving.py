"""Solutions travel: files of every suffix, tables of comparisons, notebooks, and lines of logging."""

import base64
import io
import logging
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import ritz
from ritz.notebook.html import html_of

meshio = pytest.importorskip("meshio")
pytest.importorskip("h5netcdf")
pytest.importorskip("skimage")
pandas = pytest.importorskip("pandas")
skfem = pytest.importorskip("skfem")

BAR = ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))


@pytest.fixture(scope="module")
def flow():
    return ritz.solve(ritz.problems.poisson((20, 16), obstacles=2), "cg")


@pytest.fixture(scope="module")
def body():
    mesh = skfem.MeshHex().refined(2)
    return ritz.solve(
        ritz.problems.mesh(mesh, equation="elasticity", conditions={"boundary": (0, 0, 0)}, source=(0, 0, -1))
    )


@pytest.fixture(scope="module")
def comparison():
    return ritz.compare(ritz.problems.poisson((12, 12)), [("50% & more_", "cg"), "lu"], repeat=1)


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".nc"])
def test_what_is_saved_is_loaded(flow, body, suffix, tmp_path):
    block = ritz.solve(np.diag([1.0, 2.0]), np.eye(2, dtype=np.float64))
    for solution in (flow, body, block):
        back = ritz.load(solution.save(tmp_path / f"u{suffix}"))
        assert np.array_equal(back.x, solution.x)
        assert np.array_equal(back.history, solution.history)
        assert (back.status, back.solver, back.iterations) == (solution.status, solution.solver, solution.iterations)
        assert (back.residual, dict(back.timings)) == (solution.residual, dict(solution.timings))
    assert [file.name for file in tmp_path.iterdir()] == [f"u{suffix}"]
    grid = ritz.load(flow.save(tmp_path / f"u{suffix}")).grid
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(grid.axes, flow.grid.axes, strict=True))
    assert np.array_equal(grid.solid, flow.grid.solid)


@pytest.mark.parametrize("suffix", [".vtu", ".xdmf"])
def test_viewers_read_grids_and_meshes(flow, body, suffix, tmp_path):
    seen = meshio.read(flow.save(tmp_path / f"u{suffix}"))
    assert np.array_equal(seen.point_data["u"], flow.x)
    touched = flow.grid.solid.ravel()[seen.cells[0].data].any()
    assert not touched
    seen = meshio.read(body.save(tmp_path / f"v{suffix}"))
    assert np.allclose(seen.point_data["displacement"], body.values, atol=1e-15)
    corners = seen.points[seen.cells[0].data]
    edges = corners[:, [1, 3, 4]] - corners[:, :1]  # right-handed where corners are in the order of VTK
    assert np.allclose(np.linalg.det(edges), 1 / 64)


def test_images_hold_the_field(flow, tmp_path):
    root = ElementTree.parse(flow.save(tmp_path / "u.vti")).getroot()
    data = base64.b64decode(root.find(".//DataArray").text)
    assert int.from_bytes(data[:8], "little") == len(data) - 8
    field = np.frombuffer(data[8:], "<f8").reshape(16, 20).T
    assert np.array_equal(field, flow.grid.field(flow.x), equal_nan=True)
    assert root.find("ImageData").get("WholeExtent") == "0 19 0 15 0 0"
    assert [float(part) for part in root.find("ImageData").get("Spacing").split()] == [*flow.grid.spacing, 1.0]


def test_trajectories_and_posteriors_have_labels(body):
    heat = ritz.PDE((0.0, 1.0), {2: -1.0}, initial=lambda x: np.sin(np.pi * x))
    trajectory = ritz.solve(heat, times=[0.0, 0.05, 0.1])
    assert np.array_equal(trajectory.to_xarray()["u"].sel(time=0.05), trajectory.at(0.05))
    posterior = ritz.solve(BAR, "gp", shape=20)
    data = posterior.to_xarray()
    assert np.allclose(data["standard_deviation"], posterior.standard_deviation(data["x"].values))
    assert body.to_xarray()["displacement"].dims == ("node", "component")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda flow, folder: flow.save(folder / "u.mat"), "'.mat' is no known format"),
        (lambda flow, folder: flow.save(folder / "u"), "'' is no known format"),
        (lambda flow, folder: ritz.load(folder / "u.vtu"), "ritz.load reads"),
        (lambda flow, folder: ritz.solve(np.eye(2), np.ones(2)).save(folder / "u.vtu"), "no grid"),
        (lambda flow, folder: ritz.solve(BAR, "chebyshev").save(folder / "u.vti"), "not uniform"),
        (lambda flow, folder: flow.plot_isosurfaces(), "three dimensions"),
    ],
)
def test_what_cannot_be_saved_is_named(flow, tmp_path, call, words):
    with pytest.raises(ritz.InvalidProblem, match=words):
        call(flow, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".nc"])
def test_damaged_and_foreign_files_are_named(suffix, tmp_path):
    path = tmp_path / f"u{suffix}"
    with pytest.raises(FileNotFoundError, match="u"):
        ritz.load(path)
    path.write_bytes(b"not a file of this kind" * 10)
    with pytest.raises(ritz.InvalidProblem, match="cannot be read"):
        ritz.load(path)
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(ritz.InvalidProblem, match="no solution"):
        ritz.load(tmp_path / "other.npz")


def test_comparisons_become_tables(comparison, tmp_path):
    frame = comparison.to_dataframe()
    assert list(frame["solver"]) == ["50% & more_", "lu"]
    assert np.allclose(frame["residual"], [row.residual for row in comparison.measurements])
    text = comparison.to_csv(tmp_path / "table.csv")
    assert pandas.read_csv(io.StringIO(text))["iterations"].tolist() == frame["iterations"].tolist()
    assert (tmp_path / "table.csv").read_text() == text
    latex = comparison.to_latex()
    assert r"50\% \& more\_ &" in latex
    assert latex.count(r"\\") == 3


def test_notebooks_show_small_tables_and_no_arrays(flow, body, comparison):
    evil = ritz.LinearSystem(np.eye(2), np.ones(2), name="<script>alert(1)</script>")
    big = ritz.problems.poisson((600, 500), obstacles=9)
    shown = [flow, body, comparison, evil, big, big.operator, ritz.problems.fem().operator, BAR, skfem.__name__]
    shown += [ritz.problems.gray_scott(32), ritz.problems.lp_regression(), ritz.problems.thermal_block()]
    pages = [value._repr_html_() if not isinstance(value, str) else html_of(value) for value in shown]
    for page in pages:
        assert len(page.encode()) < 3000
        assert "<script" not in page
        assert not re.search(r"(\d\.\d+,? +-?){2}\d\.\d+", page)
        ElementTree.fromstring(re.sub(r"(<(?:img|hr)[^>]*)>", r"\1/>", page))
    assert "&lt;script" in pages[3]
    picture = base64.b64decode(re.search('base64,([^"]*)', pages[0])[1])
    from matplotlib.image import imread

    assert imread(io.BytesIO(picture)).shape[:2] == (16, 20)


def test_plots_are_shown_by_notebooks_and_draw_uncertainty(flow):
    from matplotlib.image import imread

    assert imread(io.BytesIO(flow.plot()._repr_png_())).size > 0
    line = ritz.solve(BAR, "gp", shape=32).plot().axes[0]
    assert [label.get_text() for label in line.get_legend().get_texts()] == ["±2 σ", "mean", "nodes"]
    plane = ritz.PDE(((0.0, 1.0), (0.0, 1.0)), {(2, 0): -1.0, (0, 2): -1.0}, source=lambda x, y: np.ones_like(x))
    points = np.random.default_rng(0).random((70, 2))
    with pytest.warns(UserWarning, match="70 nodes"):
        scattered = ritz.solve(plane, "gp", method="dense", points=points, throw=False)
    drawn = scattered.plot().axes[0].lines[0].get_xydata()
    assert np.array_equal(drawn, points)
    box = ritz.solve(ritz.problems.poisson((12, 12, 12)))
    assert len(box.plot_isosurfaces([2.0]).axes[0].collections) == 1
    with pytest.raises(ritz.InvalidProblem, match="levels is 1e\\+09"):
        box.plot_isosurfaces([1e9])


def test_one_line_for_each_iteration_and_step(flow, caplog, capsys):
    with caplog.at_level(logging.INFO, logger="ritz"):
        solution = ritz.solve(np.diag([1.0, 2.0, 3.0]), np.ones(3), "cg")
    assert len(caplog.messages) in (solution.iterations, solution.iterations + 1)
    assert all(line.startswith("cg: iteration ") for line in caplog.messages)
    caplog.clear()
    heat = ritz.PDE((0.0, 1.0), {2: -1.0}, initial=lambda x: np.sin(np.pi * x))
    with caplog.at_level(logging.INFO, logger="ritz"):
        steps = ritz.solve(heat, times=[0.0, 0.1]).iterations
    assert 0 <= sum(line.startswith("time stepping: ") for line in caplog.messages) - steps <= 1
    ritz.solve(np.eye(2), np.ones(2), "cg")
    assert capsys.readouterr().err == ""
    ritz.solve(np.eye(2), np.ones(2), "cg", verbose=True)
    assert "cg: iteration 0, residual 1.000e+00\n" in capsys.readouterr().err
    assert not ritz.logger.isEnabledFor(logging.INFO)
