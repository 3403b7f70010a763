"""64 neurons at a time: what numba's language lacks, written as LLVM instructions.

A word holds one bit per neuron. LLVM lowers the vectors to whatever the machine has; with AVX-512
a word is a mask register, and a crossbar row is added by masked additions.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped_cgutils
from numba.np import arrayobj

from nmcompile.reference.jit import instruction

LANES = 64
"""Neurons per word."""
LEAK, THRESHOLD, FIRE_KEEP, FIRE_DROP, FLOOR, FLOOR_KEEP, FLOOR_DROP = range(7)
"""Rows of 64 numbers that describe 64 neurons, see `step`."""
ROWS = 7
EVENTS_MAX = 127
"""So many weights of 9 bits add up to 16 bits at most."""

_BIT, _SHORT, _INT, _LONG = (ir.IntType(bits) for bits in (1, 16, 32, 64))
_FLAGS, _SHORTS, _INTS = (ir.VectorType(kind, LANES) for kind in (_BIT, _SHORT, _INT))
cgutils: Any = untyped_cgutils
make_array: Any = arrayobj.make_array


def address(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    """Pointer to array[offset]."""
    return builder.gep(make_array(kind)(context, builder, array).data, [offset])


def _load(builder: Any, pointer: Any, vector: Any) -> Any:
    """64 numbers from memory."""
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=2)


def _arrivals(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    """64 sums of weights; the arguments are those of `integrate` after the first two."""
    words, column, events, first, last, weights, base = values
    total = cgutils.alloca_once_value(builder, ir.Constant(_SHORTS, None))
    one = ir.Constant(last.type, 1)
    with cgutils.for_range_slice(builder, first, last, one, last.type) as (i, _):
        event = builder.load(address(context, builder, kinds[2], events, i))
        row = builder.add(builder.ashr(event, ir.Constant(_LONG, 2)), column)
        word = builder.load(address(context, builder, kinds[0], words, row))
        kind = builder.and_(event, ir.Constant(_LONG, 3))
        offset = builder.add(base, builder.mul(kind, ir.Constant(_LONG, LANES)))
        weight = _load(builder, address(context, builder, kinds[5], weights, offset), _SHORTS)
        none = ir.Constant(_SHORTS, None)
        added = builder.select(builder.bitcast(word, _FLAGS), weight, none)
        builder.store(builder.add(builder.load(total), added), total)
    return builder.sext(builder.load(total), _INTS)


def _splat(builder: Any, value: Any) -> Any:
    """A vector of 64 times one int32."""
    one = builder.insert_element(ir.Constant(_INTS, ir.Undefined), value, ir.Constant(_INT, 0))
    mask = ir.Constant(ir.VectorType(_INT, LANES), None)
    return builder.shuffle_vector(one, one, mask)


def _row(context: Any, builder: Any, kind: Any, array: Any, base: Any, row: int) -> Any:
    """One row of the parameters of 64 neurons."""
    offset = builder.add(base, ir.Constant(_LONG, row * LANES))
    return _load(builder, address(context, builder, kind, array, offset), _INTS)


@instruction
def integrate(
    _: Any,
    v: Any,
    at: Any,
    words: Any,
    column: Any,
    events: Any,
    first: Any,
    last: Any,
    weights: Any,
    base: Any,
) -> Any:
    """Add what arrives to v[at], ... v[at + 63].

    Args:
        v: int32 membranes. words: uint64 crossbar. column: word of a row for these neurons.
        events: int64, first word of a crossbar row x 4 + type; of these, first ... last - 1, at
            most `EVENTS_MAX`.
        weights: int16, from `base` on 64 for every type.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        pointer = address(context, builder, kinds[0], values[0], values[1])
        arrived = _arrivals(context, builder, kinds[2:], values[2:])
        total = builder.add(_load(builder, pointer, _INTS), arrived)
        builder.store(total, builder.bitcast(pointer, _INTS.as_pointer()), align=4)
        return context.get_dummy_value()

    long = types.int64
    return types.void(v, long, words, long, events, long, long, weights, long), code


@instruction
def step(
    _: Any,
    v: Any,
    at: Any,
    words: Any,
    column: Any,
    events: Any,
    first: Any,
    last: Any,
    weights: Any,
    base: Any,
    parameters: Any,
    begin: Any,
    clip: Any,
) -> Any:
    """One tick of 64 deterministic neurons without leak reversal; returns who fired.

    With the rows of `parameters` (int32) from `begin` on: V += arrivals + leak, clipped; where
    V >= threshold it fires and V = (V & fire_keep) - fire_drop, else where V < floor
    V = (V & floor_keep) - floor_drop.

    Args:
        v, at, words, column, events, first, last, weights, base: see `integrate`.
        parameters, begin: see above. clip: int32.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        pointer = address(context, builder, kinds[0], values[0], values[1])
        arrived = _arrivals(context, builder, kinds[2:9], values[2:9])

        def row(number: int) -> Any:
            return _row(context, builder, kinds[9], values[9], values[10], number)

        x = builder.add(_load(builder, pointer, _INTS), arrived)
        x = builder.add(x, row(LEAK))
        high = _splat(builder, values[11])
        low = _splat(builder, builder.neg(values[11]))
        x = builder.select(builder.icmp_signed("<", x, high), x, high)
        x = builder.select(builder.icmp_signed(">", x, low), x, low)
        fired = builder.icmp_signed(">=", x, row(THRESHOLD))
        below = builder.icmp_signed("<", x, row(FLOOR))
        raised = builder.sub(builder.and_(x, row(FLOOR_KEEP)), row(FLOOR_DROP))
        reset = builder.sub(builder.and_(x, row(FIRE_KEEP)), row(FIRE_DROP))
        x = builder.select(fired, reset, builder.select(below, raised, x))
        builder.store(x, builder.bitcast(pointer, _INTS.as_pointer()), align=4)
        return builder.bitcast(fired, _LONG)

    long = types.int64
    arrivals = (v, long, words, long, events, long, long, weights, long)
    return types.uint64(*arrivals, parameters, long, types.int32), code


@instruction
def restless(_: Any, v: Any, at: Any, parameters: Any, begin: Any) -> Any:
    """Which of 64 neurons would fire or meet their floor without any input; see `step`."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        x = _load(builder, address(context, builder, kinds[0], values[0], values[1]), _INTS)

        def row(number: int) -> Any:
            return _row(context, builder, kinds[2], values[2], values[3], number)

        fires = builder.icmp_signed(">=", x, row(THRESHOLD))
        meets = builder.icmp_signed("<", x, row(FLOOR))
        return builder.bitcast(builder.or_(fires, meets), _LONG)

    return types.uint64(v, types.int64, parameters, types.int64), code


@instruction
def ones(_: Any, word: Any) -> Any:
    """Number of bits that are set in a word."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.int64(types.uint64), code


@instruction
def lowest(_: Any, word: Any) -> Any:
    """Index of the lowest bit that is set in a word."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(_BIT, 1))

    return types.int64(types.uint64), code


@instruction
def prefetch(_: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line of array[offset], which need not exist."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = address(context, builder, signature.args[0], values[0], values[1])
        pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, _INT, _INT, _INT])
        call = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(call, [pointer, *(ir.Constant(_INT, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), code
