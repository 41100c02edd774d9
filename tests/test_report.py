"""Pictures and pages show what they should, obstacles and failures included."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import ritz
from ritz.comparing.report import comparison_page
from ritz.comparing.tables import comparison_table, seconds_text
from ritz.files import check_figure_path, check_folder, save_figure, to_json, write_atomically
from ritz.grid import Grid
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Solution, Status


def solution_on(grid: Grid | None, x: np.ndarray, history: tuple[float, ...] = (1.0, 1e-3, 1e-9)) -> Solution:
    return Solution(x, Status.CONVERGED, len(history) - 1, history[-1], np.array(history), {}, solver="cg", grid=grid)


def drawn(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def comparison() -> ritz.Comparison:
    n = 12
    solid = np.zeros((n, n), dtype=bool)
    solid[3:6, 3:6] = True
    operator = ritz.operators.Stencil((n, n), spacing=1 / n, solid=solid, solid_boundary="neumann")
    rhs = np.where(solid, 0.0, 1.0).ravel()
    grid = Grid.uniform((n, n), 1 / n, 0.5 / n, solid)
    system = LinearSystem(operator, rhs, grid=grid, name="plate <b>&")
    indefinite = ("odd <i> [red]", ritz.solver.make_solver("cg", {"preconditioner": np.eye(3)}))
    return ritz.compare(system, ["cg", "lu", indefinite, ("limited", "minres")], repeat=2, baseline="lu", maxiter=5)


def test_a_plane_is_drawn_with_its_first_axis_across_and_obstacles_masked():
    solid = np.zeros((4, 6), dtype=bool)
    solid[1, 2] = True
    grid = Grid.uniform((4, 6), spacing=(0.5, 0.25), origin=(0.25, 0.125), solid=solid)
    figure = solution_on(grid, np.arange(24.0)).plot()
    field, history, colours = figure.axes
    image = field.images[0]
    values = np.asarray(image.get_array().filled(-1.0))
    assert values.shape == (6, 4)
    assert values[2, 1] == -1.0
    assert (values == -1.0).sum() == 1
    assert values[0, 3] == 18.0  # x index 3, y index 0
    assert image.get_extent() == pytest.approx([0.0, 2.0, 0.0, 1.5])
    assert (field.get_xlabel(), field.get_ylabel()) == ("x", "y")
    assert field.get_aspect() == 1.0
    assert colours.get_ylabel() == "u"
    assert history.get_yscale() == "log"
    assert history.lines[0].get_ydata() == pytest.approx([1.0, 1e-3, 1e-9])
    assert drawn(figure).startswith(b"\x89PNG")


def test_a_signed_field_is_centred_on_zero_and_a_positive_one_is_not():
    grid = Grid.uniform((3, 3))
    signed = solution_on(grid, np.linspace(-1.0, 3.0, 9)).plot().axes[0].images[0]
    assert signed.get_clim() == (-3.0, 3.0)
    positive = solution_on(grid, np.linspace(1.0, 3.0, 9)).plot().axes[0].images[0]
    assert positive.get_clim() == (1.0, 3.0)


def test_uneven_grids_keep_their_coordinates():
    axis = np.array([0.0, 0.1, 0.5, 1.0])
    figure = solution_on(Grid((axis, axis)), np.arange(16.0)).plot()
    assert not figure.axes[0].images
    assert figure.axes[0].collections[0].get_array().size == 16
    drawn(figure)


def test_a_3d_grid_shows_its_three_middle_planes():
    grid = Grid.uniform((4, 6, 8), spacing=0.1)
    x = np.arange(4 * 6 * 8.0)
    figure = solution_on(grid, x).plot()
    field = x.reshape(4, 6, 8)
    shown = [np.asarray(panel.images[0].get_array()) for panel in figure.axes[:3]]
    assert np.array_equal(shown[0], field[:, :, 4].T)
    assert np.array_equal(shown[1], field[:, 3, :].T)
    assert np.array_equal(shown[2], field[2, :, :].T)
    assert [panel.get_title(loc="left") for panel in figure.axes[:3]] == ["z = 0.4", "y = 0.3", "x = 0.2"]
    assert [(panel.get_xlabel(), panel.get_ylabel()) for panel in figure.axes[:3]] == [
        ("x", "y"),
        ("x", "z"),
        ("y", "z"),
    ]
    drawn(figure)


def test_lines_and_vectors_without_a_grid():
    grid = Grid.uniform((5,), spacing=0.5)
    line = solution_on(grid, np.arange(5.0)).plot().axes[0]
    assert line.lines[0].get_xdata() == pytest.approx(grid.axes[0])
    assert line.get_ylabel() == "u"
    vector = solution_on(None, np.arange(50_000.0)).plot().axes[0]
    assert vector.get_xlabel() == "index"
    assert vector.lines[0].get_xdata()[-1] == 49_999


def test_blocks_torch_answers_zeros_and_nan_are_drawn():
    import torch

    block = solution_on(Grid.uniform((2, 2)), np.arange(8.0).reshape(4, 2)).plot()
    assert "column 1 of 2" in block.axes[0].get_title(loc="left")
    drawn(solution_on(Grid.uniform((2, 2)), torch.arange(4.0)).plot())
    drawn(solution_on(Grid.uniform((2, 2)), np.full(4, np.nan), (1.0, np.nan)).plot())
    exact = solution_on(None, np.zeros(3), (0.0,)).plot()
    assert np.isnan(exact.axes[1].lines[0].get_ydata()).all()
    drawn(exact)


def test_a_trajectory_shows_the_residuals_of_every_step():
    solution = ritz.solve(ritz.problems.heat((8, 8), steps=3), "cg")
    assert len(solution.plot().axes[1].lines) == 3


def test_the_comparison_figure_names_everything(comparison: ritz.Comparison):
    figure = comparison.plot()
    histories, times = figure.axes
    labels = [text.get_text() for text in histories.get_legend().get_texts()]
    assert labels == ["cg (at limit)", "lu", "limited (at limit)", "tolerance"]
    assert [label.get_text() for label in times.get_yticklabels()] == ["cg", "lu", "odd <i> [red]", "limited"]
    assert "failed" in [text.get_text() for text in times.texts]
    assert len(times.patches) == 6  # prepare and solve of the three that ran
    drawn(figure)


@pytest.mark.parametrize("width", [80, 120])
def test_tables_lose_no_character_when_the_terminal_is_narrow(comparison: ritz.Comparison, width: int):
    from rich.console import Console

    out = Console(file=io.StringIO(), width=width, color_system=None)
    out.print(comparison_table(comparison))
    text = out.file.getvalue()
    assert "…" not in text
    for row in comparison.measurements:
        assert row.solver in text
        assert row.converged or row.outcome in text


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.pictures, self.links, self.open = 0, [], [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.rows += tag == "tr"
        if tag == "img":
            self.pictures.append(attributes["src"])
        self.links += [attributes[name] for name in ("href", "src") if name in attributes and tag != "img"]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_self_contained_and_escaped(comparison: ritz.Comparison, tmp_path: Any):
    path = comparison.to_html(tmp_path / "report.html")
    text = path.read_text()
    assert text == comparison_page(comparison)
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.links == []
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]*", "", text)
    assert "plate &lt;b&gt;&amp;" in text
    assert "<b>" not in text
    assert "odd &lt;i&gt; [red]" in text
    assert page.rows >= 1 + len(comparison.measurements)
    for row in comparison.measurements:
        assert not row.note or row.note.split(":")[0] in text
    assert len(page.pictures) == 2
    for picture in page.pictures:
        kind, data = picture.split(",", 1)
        assert kind == "data:image/png;base64"
        from matplotlib.image import imread

        assert imread(io.BytesIO(base64.b64decode(data))).shape[2] == 4
    assert np.__version__ in text


def test_seconds_keep_three_digits():
    assert [seconds_text(s) for s in (123.4, 12.34, 0.01234, 1.2e-5, 0.0)] == ["123", "12.3", "0.0123", "0.00001", "0"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "result.json"
    write_atomically(path, "old")
    path.chmod(0o640)

    def fail(*arguments: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("ritz.files.os.fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]
    write_atomically(path, b"new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_paths_that_cannot_be_written_are_named(tmp_path: Any):
    with pytest.raises(FileNotFoundError, match=r"no folder .*missing"):
        check_folder(tmp_path / "missing" / "u.png")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_folder(tmp_path)
    with pytest.raises(ritz.InvalidProblem, match=r"\.png"):
        check_figure_path(tmp_path / "u.xyz")
    figure = solution_on(None, np.arange(3.0)).plot()
    assert save_figure(figure, tmp_path / "u.svg").read_text().lstrip().startswith("<?xml")


def test_json_has_no_nan():
    assert to_json({"a": [np.float64("nan"), np.int64(3)], "b": {1: np.array([True])}, "c": Status}).count("null") == 1
