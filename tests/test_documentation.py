"""What the README and the documentation pages tell people to type, works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUN = ("index", "quickstart", "problems", "spectrum", "learning")
PAGES = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in RUN)]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.S)


def commands() -> list[str]:
    """Return every ``ritz`` command of the pages."""
    lines = [line for page in PAGES for block in blocks(page, "console") for line in block.splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith("ritz ")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run_in_order(page: Path, tmp_path: Path):
    code = "\n".join(blocks(page, "python"))
    assert "ritz.solve" in code
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("command", commands())
def test_commands_run(command: str, tmp_path: Path):
    (tmp_path / "output").mkdir()
    words = shlex.split(command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-m", "ritz", *words[1:]]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    written = [word for word in words if re.search(r"\.(png|json|html)$", word)]
    assert all((tmp_path / name).stat().st_size > 100 for name in written)


def test_make_targets_of_the_pages_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {name for page in PAGES for name in re.findall(r"\bmake ([a-z]+)\b", page.read_text())}
    assert {"demo", "test"} <= named <= targets


def test_pages_name_only_registered_solvers():
    from ritz.registry import preconditioners, solvers

    text = (ROOT / "docs" / "choosing.md").read_text()
    section = text.split("## What `auto` does")[0]
    known = {*solvers.names(), *preconditioners.names()}
    named = set(re.findall(r"`([a-z][a-z-]+)`", section.split("## In short")[1]))
    assert named - {"order"} <= known
