"""Construction of preconditioners from names, objects, matrices and functions."""

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
    """Return the approximate inverse of `operator` that `preconditioner` specifies, and its statistics.

    Parameters
    ----------
    preconditioner : None, str, object with ``build``, Operator or matrix or SciPy LinearOperator, or callable
        A name selects that preconditioner with default options; a callable maps residuals ``(n,)`` to corrections.
    operator : Operator

    Raises
    ------
    UnknownName
        If the name is not registered.
    InvalidProblem
        If the shapes do not match, or the preconditioner cannot be built for the operator.
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
