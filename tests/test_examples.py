"""Every example runs, prints a result, and draws the picture it claims."""

from __future__ import annotations

import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.py"))


def names(path: Path) -> str:
    """Return the name of an example, as the folder and the file have it."""
    return path.relative_to(EXAMPLES).with_suffix("").as_posix()


def test_there_are_enough_examples_and_no_folder_is_crowded():
    assert len(FILES) >= 22
    assert len({path.stem for path in FILES}) == len(FILES)
    assert max(len(list(folder.glob("*.py"))) for folder in EXAMPLES.iterdir() if folder.is_dir()) <= 16


@pytest.mark.parametrize("path", FILES, ids=names)
def test_example_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        main = runpy.run_path(str(path), run_name="example")["main"]
        parameters = inspect.signature(main).parameters
        main()
    assert capsys.readouterr().out.strip()
    written = [file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()]
    assert written == [parameter.default for parameter in parameters.values()]
    for picture in written:
        assert picture == Path("output/examples") / f"{path.stem}.png"
        assert picture.stat().st_size > 5000


@pytest.mark.parametrize("path", FILES, ids=names)
def test_example_is_a_short_script_with_an_explanation(path: Path):
    source = path.read_text()
    assert len(source.splitlines()) <= 80
    assert source.startswith('"""')
    assert 'if __name__ == "__main__":' in source


def test_example_runs_as_a_script_with_an_output_of_ones_own(tmp_path: Path):
    script, picture = EXAMPLES / "grids" / "poisson_in_a_box.py", tmp_path / "pictures" / "box.png"
    command = [sys.executable, str(script), "--output", str(picture)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert picture.stat().st_size > 5000
