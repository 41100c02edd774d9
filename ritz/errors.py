"""Errors that Ritz raises and warnings that it issues."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ritz.solution import Solution

__all__ = [
    "AliasingWarning",
    "ConvergenceError",
    "ExtrapolationWarning",
    "IllConditionedWarning",
    "InvalidProblem",
    "InvalidWeights",
    "KinkWarning",
    "MissingExtra",
    "RitzError",
    "SingularMatrix",
    "TrainingError",
    "UnknownName",
    "UnknownOption",
    "ZeroSnapshotWarning",
]


class RitzError(Exception):
    """Base of every error that Ritz raises. Errors can be pickled, so they pass from worker processes."""

    def __reduce__(self):
        # By default, the message alone would be given to a constructor that may take other arguments.
        return _unpickled, (type(self), self.args), self.__dict__


class InvalidProblem(RitzError, ValueError):
    """The problem, or its pairing with a solver, cannot be solved as given."""


class ConvergenceError(RitzError, RuntimeError):
    """A solver stopped before it met the tolerance; ``.solution`` holds the best iterate."""

    def __init__(self, message: str, solution: Solution):
        super().__init__(message)
        self.solution = solution


class SingularMatrix(RitzError, ArithmeticError):
    """A matrix cannot be factorised because it is singular to working precision."""


class TrainingError(RitzError, RuntimeError):
    """Training of a learned solver failed, or its data cannot be learnt from."""


class InvalidWeights(RitzError, ValueError):
    """A file of weights cannot be read, or belongs to something else than what it was loaded for."""

    def __init__(self, path: object, reason: str):
        super().__init__(f"cannot use the weights {str(path)!r}: {reason}")


class MissingExtra(RitzError, ImportError):
    """An optional package is missing; the message contains the command that installs it."""

    def __init__(self, package: str, extra: str):
        super().__init__(f"{package} is not installed: pip install 'ritz[{extra}]'")


class UnknownName(InvalidProblem):
    """A name or a choice is not one of those known; the message suggests close matches."""

    def __init__(self, kind: str, name: object, known: Iterable[str]):
        super().__init__(f"unknown {kind} {name!r}{_suggestion(str(name), known)}")


class UnknownOption(RitzError, TypeError):
    """A solver or problem has no option of that name."""

    def __init__(self, owner: str, name: str, known: Iterable[str]):
        super().__init__(f"{owner} has no option {name!r}{_suggestion(name, known)}")


class AliasingWarning(UserWarning):
    """A grid has, or may have, fewer than two points per wavelength; frequencies found on it may be aliases."""


class KinkWarning(UserWarning):
    """A loss is not twice differentiable, and its second derivatives miss what happens at its kinks."""


class IllConditionedWarning(UserWarning):
    """The data leave part of the solution nearly undetermined, as at a resonance."""


class ExtrapolationWarning(UserWarning):
    """Parameters lie outside the range that a problem declares or that a reduced model was built for."""


class ZeroSnapshotWarning(UserWarning):
    """Snapshots that are zero up to rounding, and so have no direction, were left out."""


def _unpickled(kind: type[RitzError], arguments: tuple[object, ...]) -> RitzError:
    return kind.__new__(kind, *arguments)


def _suggestion(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return "; did you mean " + " or ".join(repr(match) for match in close) + "?"
    return "; known: " + (", ".join(known) if known else "none")
