"""A preconditioner from whatever stands for it.

A preconditioner is registered as a frozen dataclass with ``build(operator) -> Operator``: the approximate inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator, aslinearoperator
from ritz.registry import preconditioners

__all__ = ["PreconditionerLike", "build_preconditioner"]

PreconditionerLike: TypeAlias = Any
"""None, a registered name, a preconditioner object, anything that multiplies, or a function of the residual."""


def build_preconditioner(
    preconditioner: PreconditionerLike, operator: Operator
) -> tuple[Operator | None, Mapping[str, Any]]:
    """Return the approximate inverse of `operator` that `preconditioner` stands for, and statistics on it.

    Parameters
    ----------
    preconditioner : None, str, object with ``build``, Operator or matrix or SciPy LinearOperator, or callable
        A name gives that preconditioner with its defaults; a callable maps residuals ``(n,)`` to corrections.
    operator : Operator

    Raises
    ------
    UnknownName
        For a name that is not registered.
    InvalidProblem
        For a shape that does not match, or an operator the preconditioner cannot be built for.
    """
    if preconditioner is None:
        return None, {}
    label = preconditioner if isinstance(preconditioner, str) else type(preconditioner).__name__
    if isinstance(preconditioner, str):
        preconditioner = preconditioners[preconditioner]()
    if hasattr(preconditioner, "build"):
        inverse = preconditioner.build(operator)
    elif callable(preconditioner) and not hasattr(preconditioner, "shape"):
        inverse = MatrixFree(preconditioner, operator.shape, dtype=operator.dtype)
    else:
        inverse = aslinearoperator(preconditioner)
    if inverse.shape != operator.shape:
        raise InvalidProblem(f"preconditioner has shape {inverse.shape} and the operator {operator.shape}")
    return inverse, {"preconditioner": label, **getattr(inverse, "stats", {})}
