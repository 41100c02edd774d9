"""One call of the fuzzer: what it was, and whether what came of it keeps the promises."""

from __future__ import annotations

import hashlib
import pickle
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import issparse

import ritz

FINE = ("right", "refused", "not converged")
LEAKS = (RuntimeWarning, ImportWarning, BytesWarning)


@dataclass
class Call:
    """A call that has not been made yet.

    Parameters
    ----------
    text : str
        What is called, for a person who wants to repeat it.
    run : callable
        Makes the call.
    judge : callable
        Returns what is wrong with a result, None if nothing is, or "not converged".
    inputs : sequence
        Arrays and sparse arrays that must not change.
    warns : bool
        Whether functions of the user's warn themselves.
    """

    text: str
    run: Callable[[], Any]
    judge: Callable[[Any], str | None] = lambda result: None
    inputs: Sequence[Any] = field(default_factory=tuple)
    warns: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a call: one of `FINE`, "wrong", "raw error", "leaked warning" or "changed input"."""

    kind: str
    text: str
    detail: str = ""


def fingerprint(value: Any) -> str:
    """Return a digest of an array, a sparse array or a tensor, storage included."""
    if issparse(value):
        parts = [
            getattr(value, name)
            for name in ("data", "indices", "indptr", "row", "col", "offsets")
            if hasattr(value, name)
        ]
        return "".join(map(fingerprint, parts)) + str(value.shape)
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return hashlib.sha256(value.tobytes()).hexdigest() + str((value.shape, value.dtype.str))
    return hashlib.sha256(pickle.dumps(value)).hexdigest()


def make(call: Call) -> Outcome:
    """Make a call, and say what came of it."""
    before = [fingerprint(value) for value in call.inputs]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, refusal = call.run(), None
        except ritz.RitzError as error:
            result, refusal = None, error
        except Exception:
            return Outcome("raw error", call.text, traceback.format_exc(limit=-4))
    leaked = [str(each.message) for each in caught if issubclass(each.category, LEAKS)]
    if leaked and not call.warns:
        return Outcome("leaked warning", call.text, leaked[0])
    if [fingerprint(value) for value in call.inputs] != before:
        return Outcome("changed input", call.text)
    if refusal is not None:
        message = str(refusal)
        return Outcome("refused", call.text, message) if message.strip() else Outcome("wrong", call.text, "no message")
    told = any(issubclass(each.category, UserWarning) for each in caught)
    try:
        wrong = call.judge(result)
    except Exception:
        return Outcome("raw error", call.text, "in the judge: " + traceback.format_exc(limit=-3))
    if wrong == "not converged" or (wrong == "unresolved" and told):
        return Outcome("not converged", call.text)
    return Outcome("right", call.text) if wrong is None else Outcome("wrong", call.text, wrong)
