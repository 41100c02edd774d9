"""Online stages in files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.files import to_json, write_atomically
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.snapshot_cache import fingerprint

from .bases.orthogonal_decomposition import Basis
from .clusters.parameter_classifier import ParameterClassifier
from .local_model import LocalModel, Switching
from .online import OnlineStage
from .projection.coefficient_regression import fit_regression
from .projection.inverse_interpolation import InverseInterpolation
from .projection.local_errors import LocalErrors
from .projection.projected_equations import ProjectedEquations, ProjectedTerm, trial_at
from .regression_model import RegressionModel

__all__ = ["load_stage", "save_stage"]

VERSION = "3"
FOREST = ("roots", "features", "thresholds", "children", "values")
SWITCHES = ("masses", "check_masses", "transfers")


def save_stage(stage: OnlineStage, path: str | os.PathLike[str], **others: Any) -> Path:
    """Write a stage to a safetensors file, atomically, with scalars and `others` as JSON in its header.

    Complex arrays are written as pairs of real ones. The file contains no code.
    """
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray] = {}
    for k, local in enumerate(stage.models):
        _write_basis(arrays, f"{k}.basis", local.basis)
        if isinstance(local, RegressionModel):
            arrays |= {f"{k}.points": local.points, f"{k}.coefficients": local.coefficients, f"{k}.box": local.box}
            arrays |= {f"{k}.regression": local.errors.regression, f"{k}.projection": local.errors.projection}
            continue
        _write_equations(arrays, f"{k}.equations", local.equations)
        for j, check in enumerate(local.checks):
            _write_equations(arrays, f"{k}.check.{j}", check)
        if local.starts is not None:
            arrays |= {f"{k}.start_points": local.starts[0], f"{k}.starts": local.starts[1]}
        if local.switching is not None:
            arrays |= {f"{k}.tests": local.switching.tests, f"{k}.checks": local.switching.checks}
            for name in SWITCHES:
                parts: tuple[np.ndarray, ...] = getattr(local.switching, name)
                arrays |= {f"{k}.{name}.{j}": part for j, part in enumerate(parts)}
    arrays |= {"places": stage.places, "spread": stage.spread}
    if stage.inverses is not None:
        arrays |= {"inverses.gram": stage.inverses.gram, "inverses.target": stage.inverses.target}
    if stage.classifier is not None:
        arrays |= {f"classifier.{name}": getattr(stage.classifier, name) for name in FOREST}
    plain = {name: part for key, array in arrays.items() for name, part in _real(key, array)}
    facts = {
        "version": VERSION,
        "problem": fingerprint(stage.problem),
        "name": stage.problem.name,
        "models": [_facts(local) for local in stage.models],
        "candidates": stage.candidates,
        "usual": stage.usual,
        "inverses": None if stage.inverses is None else stage.inverses.size,
        "power": None if stage.classifier is None else stage.classifier.power,
        **others,
        "digest": _digest(plain),
    }
    return write_atomically(path, save(plain, metadata={"ritz": to_json(facts)}))


def load_stage(path: str | os.PathLike[str], problem: ParametricPDE) -> tuple[OnlineStage, dict[str, Any]]:
    """Return the stage in a file written by `save_stage`, and the contents of its header.

    Raises
    ------
    InvalidProblem
        If the file is damaged, of another version or not a reduced model, or if the problem is not the one it was made
        for. The message says which.
    """
    facts, arrays = _read(Path(path))
    if facts["problem"] != fingerprint(problem):
        raise InvalidProblem(
            f"{str(path)!r} is stale: it was made for {facts['name'] or 'a problem without a name'!r}, and the problem"
            f" given, {problem.name!r}, has other equations, another size or other parameters: fit it again"
        )
    models: list[Any] = []
    for k, said in enumerate(facts["models"]):
        basis = _read_basis(arrays, f"{k}.basis", problem, said["energy"])
        make = _regression if "kinds" in said else _local
        models.append(make(arrays, k, said, basis, problem))
    classifier = None
    if facts["power"] is not None:
        forest = {name: arrays[f"classifier.{name}"] for name in FOREST}
        classifier = ParameterClassifier(**forest, power=facts["power"])
    inverses = None
    if facts["inverses"] is not None:
        inverses = InverseInterpolation(arrays["inverses.gram"], arrays["inverses.target"], facts["inverses"])
    rule = (arrays["places"], arrays["spread"], facts["usual"], inverses)
    return OnlineStage(problem, tuple(models), classifier, facts["candidates"], *rule), facts


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})["ritz"])
            plain = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InvalidProblem(f"{str(path)!r} is damaged, or not a reduced model: {error}") from None
    if not isinstance(facts, dict):
        raise InvalidProblem(f"{str(path)!r} is damaged: its metadata is a {type(facts).__name__}")
    if facts.get("version") != VERSION:
        raise InvalidProblem(
            f"{str(path)!r} has version {facts.get('version')!r}, not the current {VERSION!r}: fit the model again"
        )
    if facts.get("digest") != _digest(plain):
        raise InvalidProblem(f"{str(path)!r} is damaged: its arrays do not match their digest")
    return facts, _joined(plain)


def _facts(local: LocalModel | RegressionModel) -> dict[str, Any]:
    facts: dict[str, Any] = {"energy": local.basis.energy}
    if isinstance(local, RegressionModel):
        return facts | {"kinds": local.regression.kinds}
    return facts | {"condition": local.condition, "checks": len(local.checks), "switching": local.switching is not None}


def _local(arrays: Mapping[str, np.ndarray], k: int, said: Any, basis: Basis, problem: Any) -> LocalModel:
    switching = None
    if said["switching"]:
        count = sum(name.startswith(f"{k}.masses.") for name in arrays)
        parts = [tuple(arrays[f"{k}.{name}.{j}"] for j in range(count)) for name in SWITCHES]
        switching = Switching(arrays[f"{k}.tests"], arrays[f"{k}.checks"], *parts)
    equations = _read_equations(arrays, f"{k}.equations", basis, problem)
    checks = tuple(_read_equations(arrays, f"{k}.check.{j}", basis, problem) for j in range(said["checks"]))
    starts = (arrays[f"{k}.start_points"], arrays[f"{k}.starts"]) if f"{k}.starts" in arrays else None
    return LocalModel(k, basis, equations, checks, switching, said["condition"], starts)


def _regression(arrays: Mapping[str, np.ndarray], k: int, said: Any, basis: Basis, problem: Any) -> RegressionModel:
    points, coefficients = arrays[f"{k}.points"], arrays[f"{k}.coefficients"]
    kinds = tuple((str(kernel), bool(scaled)) for kernel, scaled in said["kinds"])
    errors = LocalErrors(points, arrays[f"{k}.regression"], arrays[f"{k}.projection"])
    regression = replace(fit_regression(points, coefficients, kinds=kinds), errors=errors.regression)
    return RegressionModel(k, basis, regression, arrays[f"{k}.box"], points, coefficients, errors)


def _write_basis(arrays: dict[str, np.ndarray], key: str, basis: Basis) -> None:
    arrays |= {f"{key}.modes": basis.modes, f"{key}.singular_values": basis.singular_values}


def _read_basis(arrays: Mapping[str, np.ndarray], key: str, problem: ParametricPDE, energy: float) -> Basis:
    return Basis(arrays[f"{key}.modes"], arrays[f"{key}.singular_values"], problem.product, energy)


def _write_equations(arrays: dict[str, np.ndarray], key: str, equations: ProjectedEquations) -> None:
    arrays |= {f"{key}.operators": equations.operators, f"{key}.loads": equations.loads}
    if equations.mass is not None:
        arrays[f"{key}.mass"] = equations.mass
    if equations.term is not None:
        arrays |= {f"{key}.rows": equations.term.restricted.rows, f"{key}.lift": equations.term.lift}


def _read_equations(arrays: Mapping[str, np.ndarray], key: str, basis: Basis, problem: Any) -> ProjectedEquations:
    term = None
    if f"{key}.rows" in arrays:
        restricted = problem.term.restrict(arrays[f"{key}.rows"])
        term = ProjectedTerm(restricted, trial_at(restricted, basis.modes), arrays[f"{key}.lift"])
    return ProjectedEquations(arrays[f"{key}.operators"], arrays[f"{key}.loads"], arrays.get(f"{key}.mass"), term)


def _real(key: str, array: np.ndarray) -> list[tuple[str, np.ndarray]]:
    if not np.iscomplexobj(array):
        return [(key, np.ascontiguousarray(array))]
    return [
        (f"{key}:real", np.ascontiguousarray(np.real(array))),
        (f"{key}:imag", np.ascontiguousarray(np.imag(array))),
    ]


def _joined(plain: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays = {name: array for name, array in plain.items() if ":" not in name}
    for name, array in plain.items():
        key, _, part = name.partition(":")
        if part == "real":
            arrays[key] = array + 1j * plain[f"{key}:imag"]
    return arrays


def _digest(plain: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(plain):
        digest.update(f"{name} {plain[name].dtype} {plain[name].shape}".encode())
        digest.update(plain[name].tobytes())
    return digest.hexdigest()
