"""CONTRIBUTING.md works: its files and commands are taken from the page and followed in a copy of the tree."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def section(title: str) -> str:
    """Return the text of one second-level section of the page."""
    sections = {text.split("\n", 1)[0]: text for text in re.split(r"^## ", PAGE, flags=re.M)}
    return sections[title]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what git knows of the tree, links included, so that the page's files can be added to it."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        original, copy = ROOT / name, tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if original.is_symlink():
            copy.symlink_to(os.readlink(original))
        elif original.is_file():
            copy.write_bytes(original.read_bytes())
    return tmp_path


@pytest.mark.parametrize("title", ["Add a solver", "Add a problem"])
def test_following_the_page(title: str, checkout: Path):
    text = section(title)
    files = re.findall(r"```python\n# (\S+)\n(.*?)```", text, flags=re.S)
    commands = [line for block in re.findall(r"```console\n(.*?)```", text, flags=re.S) for line in block.splitlines()]
    assert files
    assert len(commands) == 2
    for name, code in files:
        (checkout / name).write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    for command in commands:
        words = shlex.split(command)
        program = [sys.executable, "-m", "ritz"] if words[0] == "ritz" else [sys.executable]
        done = subprocess.run(program + words[1:], cwd=checkout, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    lint = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *(name for name, _ in files)],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout
