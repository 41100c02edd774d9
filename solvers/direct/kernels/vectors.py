"""64-byte vectors in compiled loops: eight float64 or sixteen float32 numbers.

Compilers do not vectorise loops over many arrays, because they cannot tell that the arrays do not overlap. Here, a
vector is a value like a number: it is loaded from a position in a flat array, added, multiplied and stored. On
processors without registers of this size, the operations are carried out in pieces.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

__all__ = ["BYTES", "lanes", "load", "reciprocal", "store", "transpose"]

BYTES = 64

intrinsic: Any = extending.intrinsic  # untyped: callers see the signature of the compiled function


class VectorType(types.Type):
    """A vector of numbers of one dtype."""

    def __init__(self, dtype: Any):
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


def _ir_type(dtype: Any) -> Any:
    element = ir.DoubleType() if dtype == types.float64 else ir.FloatType()
    return ir.VectorType(element, BYTES * 8 // dtype.bitwidth)


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """Represents a vector by the corresponding LLVM vector."""

    def __init__(self, dmm: Any, fe_type: Any):
        super().__init__(dmm, fe_type, _ir_type(fe_type.dtype))


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _ir_type(kind.dtype).as_pointer())


@intrinsic
def lanes(typing_context: Any, array: Any) -> Any:
    """Return the number of lanes of a vector with the dtype of `array`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, BYTES * 8 // array.dtype.bitwidth)

    return types.intp(array), generate


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Return the vector that starts at ``array[index]``, without a bounds check."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments)
        return builder.load(place, align=array.dtype.bitwidth // 8)

    return VectorType(array.dtype)(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write a vector to the position from which `load` would read it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    """Return a vector with the same number in all lanes."""
    if value.type != kind.element:
        wider = isinstance(kind.element, ir.DoubleType)
        value = builder.fpext(value, kind.element) if wider else builder.fptrunc(value, kind.element)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None))


class VectorArithmetic(AbstractTemplate):
    """Types of sums, differences and products of vectors; a number on either side is broadcast."""

    def generic(self, args: Any, kws: Any) -> Any:
        """Return the signature for operands of these types, or None."""
        vectors = [kind for kind in args if isinstance(kind, VectorType)]
        if vectors and all(isinstance(kind, VectorType | types.Float) for kind in args):
            return signature(vectors[0], *args)
        return None


def _define(symbol: Any, name: str) -> None:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = _ir_type(signature.return_type.dtype)
        both = [value if value.type == kind else _spread(builder, value, kind) for value in arguments]
        # Fused multiply-add is the only change of rounding allowed.
        return getattr(builder, name)(*both, flags=("contract",))

    declare: Any = infer_global(symbol)
    declare(VectorArithmetic)
    for operands in ((VectorType, VectorType), (VectorType, types.Float), (types.Float, VectorType)):
        lower_builtin(symbol, *operands)(generate)


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")


@intrinsic
def reciprocal(typing_context: Any, vector: Any) -> Any:
    """Return the reciprocal of each number, with zero for zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = _ir_type(vector.dtype)
        one, zero = (_spread(builder, ir.Constant(kind.element, value), kind) for value in (1.0, 0.0))
        empty = builder.fcmp_ordered("==", arguments[0], zero)
        return builder.select(empty, zero, builder.fdiv(one, arguments[0]))

    return vector(vector), generate


@intrinsic
def transpose(typing_context: Any, source: Any, start: Any, stride: Any, target: Any, place: Any, step: Any) -> Any:
    """Transpose a square block as wide as a vector; rows are `stride` apart in `source`, `step` apart in `target`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, align = _ir_type(source.dtype), source.dtype.bitwidth // 8
        array, at, between, result, to, apart = arguments
        rows: list[Any] = []
        for _ in range(kind.count):
            rows.append(builder.load(_place(context, builder, signature.args[0], array, at), align=align))
            at = builder.add(at, between)
        span = 1
        while span < kind.count:  # swap the off-diagonal squares of this width
            low = [e if not e & span else kind.count + e - span for e in range(kind.count)]
            high = [e + span if not e & span else kind.count + e for e in range(kind.count)]
            masks = [ir.Constant(ir.VectorType(ir.IntType(32), kind.count), mask) for mask in (low, high)]
            for first in range(kind.count):
                if not first & span:
                    pair = rows[first], rows[first + span]
                    rows[first], rows[first + span] = (builder.shuffle_vector(*pair, mask) for mask in masks)
            span *= 2
        for row in rows:
            builder.store(row, _place(context, builder, signature.args[3], result, to), align=align)
            to = builder.add(to, apart)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), generate
