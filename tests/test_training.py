"""Files of weights, and training that can be interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_recipe import Tiny
from typer.testing import CliRunner

from ritz.command_line.cli import app
from ritz.errors import InvalidProblem, InvalidWeights, TrainingError, UnknownName, UnknownOption
from ritz.recipe import Run
from ritz.registry import recipes
from ritz.solvers.training.descent import check_device
from ritz.solvers.training.optimizers import make_optimizer
from ritz.solvers.training.weights import Weights, load_weights

ROOT = Path(__file__).parents[1]


def example(**changes: Any) -> Weights:
    arrays = {"a.weight": np.arange(6.0, dtype=np.float32).reshape(2, 3).T, "b": np.zeros(0), "c": np.float64(2.0)}
    facts = {"seed": 3, "spec": {"sizes": (1, 2)}, "training": {"rate": 0.1}, "validation": {"box": np.int64(12)}}
    return Weights(**{"arrays": arrays, "family": "example", "dimension": 2, **facts, **changes})


def test_weights_come_back_as_they_were(tmp_path: Path):
    path = example().save(tmp_path / "w.safetensors")
    back = load_weights(path, family="example", dimension=2)
    assert set(back.arrays) == {"a.weight", "b", "c"}
    for name, values in example().arrays.items():
        np.testing.assert_array_equal(back.arrays[name], values)
        assert back.arrays[name].dtype == values.dtype
    assert (back.seed, back.spec, back.training) == (3, {"sizes": [1, 2]}, {"rate": 0.1})
    assert back.validation == {"box": 12}
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.safetensors"]
    assert back.save(tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def damaged(data: bytes) -> dict[str, tuple[bytes, str]]:
    """Return files that must be refused, with what is said of them."""
    flipped = bytearray(data)
    flipped[-5] ^= 1
    return {
        "truncated": (data[:-8], "damaged"),
        "empty": (b"", "damaged"),
        "other": (b"PK\x03\x04" + bytes(100), "damaged"),
        "changed number": (bytes(flipped), "checksum"),
        "changed metadata": (data.replace(b": 12}", b": 13}"), "checksum"),
        "version": (data.replace(b'format\\": 1', b'format\\": 2'), "format version 2"),
        "foreign": (data.replace(b'"ritz"', b'"rizt"'), "no metadata"),
    }


@pytest.mark.parametrize(
    "case", ["truncated", "empty", "other", "changed number", "changed metadata", "version", "foreign"]
)
def test_damaged_files_are_refused(case: str, tmp_path: Path):
    path = example().save(tmp_path / "w.safetensors")
    content, said = damaged(path.read_bytes())[case]
    path.write_bytes(content)
    with pytest.raises(InvalidWeights, match=said):
        load_weights(path)


def test_weights_of_another_kind_are_refused(tmp_path: Path):
    path = example().save(tmp_path / "w.safetensors")
    with pytest.raises(InvalidWeights, match="family 'example', and 'other' is needed"):
        load_weights(path, family="other")
    with pytest.raises(InvalidWeights, match="dimension 2, and 3"):
        load_weights(path, dimension=3)
    with pytest.raises(InvalidWeights, match="no such file"):
        load_weights(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="no folder"):
        example().save(tmp_path / "none" / "w.safetensors")


def test_weights_are_read_without_torch(tmp_path: Path):
    path = example().save(tmp_path / "w.safetensors")
    load = f"from ritz.solvers.training.weights import load_weights; load_weights({str(path)!r})"
    code = f"import sys; {load}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_training_killed_at_any_moment_resumes_to_the_same_weights(tmp_path: Path):
    command = [sys.executable, str(ROOT / "tests" / "tiny_recipe.py"), "0.004"]
    checkpoint, output = tmp_path / "state.pt", tmp_path / "w.safetensors"
    started = subprocess.Popen([*command, str(output), str(checkpoint)], env={"PYTHONPATH": str(ROOT)})
    while not checkpoint.exists():
        assert started.poll() is None
        time.sleep(0.005)
    time.sleep(0.4)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert not output.exists()
    taken = torch.load(checkpoint, weights_only=True)["step"]
    assert 0 < taken < Tiny.steps
    resumed = Tiny(pause=0.004).train(Run(checkpoint=checkpoint, resume=True))
    whole = Tiny(pause=0.0).train(Run())
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values)
    assert resumed.training["best_loss"] == whole.training["best_loss"] < 0.01


def test_a_checkpoint_of_other_settings_or_none_is_refused(tmp_path: Path):
    path = tmp_path / "state.pt"
    with pytest.raises(TrainingError, match="no checkpoint"):
        Tiny().train(Run(checkpoint=path, resume=True))
    Tiny(steps=5).train(Run(checkpoint=path))
    with pytest.raises(TrainingError, match="other settings"):
        Tiny(steps=5, seed=1).train(Run(checkpoint=path, resume=True))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match="damaged"):
        Tiny(steps=5).train(Run(checkpoint=path, resume=True))


def test_training_ends_early_and_keeps_its_best():
    assert Tiny().train(Run(seconds=0.0)).training["ended"] == "seconds"
    impatient = Tiny(learning_rate=3.0, patience=2).train(Run()).training
    assert impatient["ended"] == "patience"
    assert impatient["steps_taken"] == impatient["best_step"] + 2 * 20


def test_steps_without_a_finite_gradient_are_skipped_and_too_many_are_an_error():
    trained = Tiny(spoil=290).train(Run()).training
    assert trained["skipped"] == 10
    assert trained["best_loss"] < 0.01
    with pytest.raises(TrainingError, match=r"20 steps in a row.*lower learning_rate"):
        Tiny(spoil=100).train(Run())


class Twice(torch.optim.SGD):
    """An optimiser that needs the gradients' own gradients."""

    create_graph = True

    def step(self, closure: Any = None) -> None:
        parameters = [p for p in self.param_groups[0]["params"] if p.grad is not None]
        squares = sum((p.grad**2).sum() for p in parameters)
        curvatures = torch.autograd.grad(squares, parameters, allow_unused=True)
        assert any(c is not None and c.abs().sum() > 0 for c in curvatures)
        super().step()


def test_optimisers_are_given_by_name_path_or_factory():
    parameters = [torch.nn.Parameter(torch.ones(2))]
    assert type(make_optimizer("SGD", parameters, 0.1)) is torch.optim.SGD
    assert type(make_optimizer("torch.optim.AdamW", parameters, 0.1)) is torch.optim.AdamW
    with pytest.raises(UnknownName, match="adam"):
        make_optimizer("adm", parameters, 0.1)
    with pytest.raises(InvalidProblem, match="leads nowhere"):
        make_optimizer("torch.optim.Nothing", parameters, 0.1)
    with pytest.raises(InvalidProblem, match="learning_rate"):
        make_optimizer("adam", parameters, 0.0)
    trained = Tiny(optimizer=Twice, learning_rate=0.1, steps=40).train(Run()).training
    assert trained["optimizer"] == "Twice"
    assert trained["best_loss"] < 0.1


def test_devices_and_settings_are_checked():
    with pytest.raises(InvalidProblem, match=r"device is 'cud'.*'cpu'"):
        check_device("cud")
    with pytest.raises(InvalidProblem, match="resume needs a checkpoint"):
        Run(resume=True)
    with pytest.raises(InvalidProblem, match="seconds is -1"):
        Run(seconds=-1)
    with pytest.raises(UnknownOption, match="recipe 'tiny' has no option 'stps'; did you mean 'steps'"):
        recipes.make("tiny", {"stps": 3})


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_train_on_the_command_line(tmp_path: Path):
    output, checkpoint = tmp_path / "w.safetensors", tmp_path / "state.pt"
    words = ("train", "tiny", "--output", output, "--seed", 4, "--optimizer", "sgd", "--learning-rate", "0.05")
    result = run(*words, "--option", "steps=30", "--checkpoint", checkpoint)
    assert result.exit_code == 0, result.output
    assert str(output) in result.stdout
    weights = load_weights(output, family="tiny")
    assert weights.seed == 4
    settings = {name: weights.training[name] for name in ("optimizer", "learning_rate", "steps", "ended")}
    assert settings == {"optimizer": "sgd", "learning_rate": 0.05, "steps": 30, "ended": "steps"}
    first = output.read_bytes()
    assert run(*words, "--option", "steps=30", "--checkpoint", checkpoint, "--resume").exit_code == 0
    assert output.read_bytes() == first
    assert " tiny " in run("list", "recipes").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "tin"], "did you mean 'tiny'"),
        (["train", "tiny", "--option", "step=3"], "did you mean 'steps'"),
        (["train", "tiny", "--option", "steps"], "of recipe 'tiny' must be written key=value"),
        (["train", "tiny", "--device", "gpu"], "device is 'gpu'"),
        (["train", "tiny", "--resume"], "resume needs a checkpoint"),
        (["train", "tiny", "--optimizer", "adm"], "unknown optimizer 'adm'"),
        (["train", "tiny", "--output", "no/folder/w.safetensors"], "there is no folder"),
        (["train", "tiny", "--seconds", "-1"], "seconds is -1"),
    ],
)
def test_wrong_use_of_train_is_one_line(words: list[str], message: str):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
