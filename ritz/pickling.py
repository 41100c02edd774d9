"""Pickling of objects that hold functions."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Self

__all__ = ["Picklable"]

_inside: ContextVar[bool] = ContextVar("inside", default=False)


class Picklable:
    """Base of objects that can be pickled although they hold lambdas or local functions, such as coefficients.

    Functions that cannot be imported are pickled by value, so problems and prepared solvers pass to worker processes.

    Examples
    --------
    >>> import pickle
    >>> class Line(Picklable):
    ...     def __init__(self, slope):
    ...         self.height = lambda x: slope * x
    >>> pickle.loads(pickle.dumps(Line(2.0))).height(3.0)
    6.0
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        if _inside.get():  # parts of the object are pickled with it, so what they share stays shared
            return super().__reduce_ex__(protocol)
        import cloudpickle

        token = _inside.set(True)
        try:
            return cloudpickle.loads, (cloudpickle.dumps(self),)
        finally:
            _inside.reset(token)

    def _repr_html_(self) -> str:
        from ritz.notebook.html import html_of

        return html_of(self)

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other
