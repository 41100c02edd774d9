"""Files that cannot be written name themselves, and files of weights that are no such files say so."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from typer.testing import CliRunner

import ritz
from ritz.command_line.cli import app
from ritz.errors import InvalidWeights
from ritz.files import save_array, save_figure, write_atomically
from ritz.solvers.training.weights import KEY, Weights, load_weights

WRITERS = {
    "bytes": lambda path: write_atomically(path, b"new"),
    "text": lambda path: write_atomically(path, "new"),
    "array": lambda path: save_array(np.ones(3), path),
    "weights": lambda path: Weights({"scale": np.ones(3)}, family="example", dimension=2).save(path),
    "comparison": lambda path: ritz.compare(ritz.LinearSystem(np.eye(3), np.ones(3)), ["cg"], repeat=1).to_json(path),
    "figure": lambda path: save_figure(ritz.solve(np.eye(3), np.ones(3), "cg").plot(), path.with_suffix(".png")),
}
FAILURES = [
    (errno.ENOSPC, "No space left"),
    (errno.EIO, "Input/output"),
    (errno.EDQUOT, "quota"),
    (errno.EACCES, "denied"),
]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize(("number", "message"), FAILURES)
def test_failures_name_the_file_and_leave_the_old_one(tmp_path, monkeypatch, writer, step, number, message):
    path = tmp_path / "result.json"
    for name in (path, path.with_suffix(".png")):
        name.write_bytes(b"old")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=rf"cannot write '.*result\.(json|png)': .*{message}") as caught:
        WRITERS[writer](path)
    assert caught.value.errno == number
    assert {file.name for file in tmp_path.iterdir()} == {"result.json", "result.png"}
    assert path.read_bytes() == b"old"


def test_a_full_disk_in_the_middle_of_a_file(tmp_path, monkeypatch):
    opened = os.fdopen

    def full(handle, mode):
        os.close(handle)
        return open("/dev/full", mode)

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match=r"result.npy.*No space left"):
        save_array(np.ones(10_000), tmp_path / "result.npy")
    monkeypatch.setattr(os, "fdopen", opened)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_devices_are_written_and_not_replaced():
    with pytest.raises(OSError, match=r"cannot write ./dev/full.*No space left"):
        write_atomically("/dev/full", "new")
    write_atomically("/dev/null", "new")
    for device in ("/dev/full", "/dev/null"):
        assert Path(device).is_char_device()
    result = CliRunner().invoke(app, ["solve", "poisson", "--shape", "9", "9", "--json", "/dev/full"])
    assert result.exit_code != 0
    assert "/dev/full" in result.output + str(result.exception)


def test_long_names_and_lacking_folders(tmp_path):
    assert write_atomically(tmp_path / ("n" * 250), "new").read_text() == "new"
    with pytest.raises(OSError, match=r"cannot write|too long"):
        write_atomically(tmp_path / ("n" * 300), "new")
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_atomically(tmp_path / "none" / "x", "new")


FACTS = {"format": 1, "family": "example", "dimension": 2, "seed": 0, "spec": {}, "training": {}, "validation": {}}


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [1, 2],
        "words",
        3,
        None,
        True,
        {},
        {"format": 1},
        {"format": 1, "checksum": "x"},
        {"format": [], "checksum": {}},
        {**FACTS, "checksum": None},
    ],
)
def test_weights_with_any_metadata_are_refused_by_name(tmp_path, metadata):
    path = tmp_path / "some.safetensors"
    path.write_bytes(save({"scale": np.ones(3)}, {KEY: json.dumps(metadata)}))
    with pytest.raises(InvalidWeights, match=r"some\.safetensors"):
        load_weights(path)


@pytest.mark.parametrize("text", ["{", "[[[", "", "NaN", "[" * 100_000])
def test_weights_with_metadata_that_is_no_json(tmp_path, text):
    path = tmp_path / "some.safetensors"
    path.write_bytes(save({"scale": np.ones(3)}, {KEY: text}))
    with pytest.raises(InvalidWeights, match=r"some\.safetensors"):
        load_weights(path)


def test_weights_that_claim_more_than_they_hold(tmp_path):
    path = Weights({"scale": np.ones(3)}, family="example", dimension=2).save(tmp_path / "some.safetensors")
    content = path.read_bytes()
    for damaged in (content[:-8], content[:9], b"\xff" * 8 + content[8:], content.replace(b"[3]", b"[9]", 1), b""):
        path.write_bytes(damaged)
        with pytest.raises(InvalidWeights, match=r"some\.safetensors"):
            load_weights(path)
