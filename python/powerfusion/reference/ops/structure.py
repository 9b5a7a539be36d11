"""Kernels, what runs in parallel in them, and what stands for several ways to one result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from powerfusion.errors import UnsupportedError
from powerfusion.reference.memory import Agent, MemRef
from powerfusion.reference.overlay import Overlay
from powerfusion.reference.placed import run_placed
from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.schedule import Schedule
from powerfusion.reference.spaces import Pool
from powerfusion.reference.stream import Here, Moved, Running
from powerfusion.reference.types import Array, Type
from powerfusion.reference.values import Tile

PRODUCT = "gir.product"
"""What marks a kernel in tile form that is a product of matrices, and a library's where one is there."""


@meaning("gir.kernel")
def kernel(here: Here, op: Instruction, *operands: Any) -> Running:
    """Runs the body; tensors come in at dram, and what is returned becomes the results."""
    inputs, _ = op.groups(operands)
    body = op.blocks[0]
    arguments = [entered(here, type_, value) for type_, value in zip(body.argument_types, inputs, strict=True)]
    here.moved = {}
    if PRODUCT in op.attributes:
        yield from _product(here, op, arguments)
        return ()
    if "nest" in op.attributes:
        returned = run_placed(here, op, arguments)
    else:
        returned = yield from here.run(body, arguments)
    count_stores(here, op.result_types, returned)
    here.state.check_tokens()
    return tuple(Tile(value.data, value.real) for value in returned)


def _product(here: Here, op: Instruction, memrefs: Sequence[MemRef]) -> Running:
    """What a kernel's body says, of a product that a library does: it reads the factors and writes the result, once."""
    counted, here.state.spaces = here.spaces, here.spaces.uncounted()
    try:
        yield from here.run(op.blocks[0], memrefs)
    finally:
        here.state.spaces = counted
    for memref in memrefs:
        count = here.spaces.written if memref is memrefs[-1] else here.spaces.read
        buffer = memref.buffer
        count(op.number, buffer.place, buffer.addresses(memref.whole), buffer.data.itemsize)


def entered(here: Here, type_: Type, value: Any) -> Any:
    """A value as its kernel sees it: a tensor gets addresses."""
    if type_.kind != "tensor":
        return value
    return Tile(value.data, value.real, here.spaces.addresses(value.shape, type_.dtype))


def count_stores(here: Here, types: Sequence[Type], returned: Sequence[Tile]) -> None:
    """Counts what a kernel moved to dram: once for each place in its results, or in a tensor of its own."""
    put: set[int] = set()
    for type_, value in zip(types, returned, strict=True):
        result = here.spaces.addresses(value.shape, type_.dtype).ravel()
        for store in value.stores:
            put.add(store.key)
            _count_store(here, store.key, here.moved[store.key], result, store.places)
    for number, moved in here.moved.items():
        if number not in put:
            _count_store(here, number, moved, moved.addresses.ravel(), np.arange(moved.addresses.size))


def _count_store(here: Here, number: int, moved: Moved, result: Array, places: Array) -> None:
    for elements in [slice(None)] if moved.executions is None else moved.executions:
        there = places[elements]
        here.spaces.written(number, moved.place, result[there[there >= 0]], moved.itemsize)


@meaning("gir.extern")
def extern(here: Here, op: Instruction, *operands: Any) -> Running:
    """What its body says; the library reads each operand once and writes each result once."""
    inputs, _ = op.groups(operands)
    counted, here.state.spaces = here.spaces, here.spaces.uncounted()
    try:
        arguments = [entered(here, t, value) for t, value in zip(op.blocks[0].argument_types, inputs, strict=True)]
        returned = yield from here.run(op.blocks[0], arguments)
    finally:
        here.state.spaces = counted
    types = [*op.blocks[0].argument_types, *op.result_types]
    for position, (type_, value) in enumerate(zip(types, [*inputs, *returned], strict=True)):
        if type_.kind != "tensor":
            continue
        count = here.spaces.read if position < len(inputs) else here.spaces.written
        place, addresses = here.spaces.place(type_), here.spaces.addresses(value.shape, type_.dtype)
        count(op.number, place, addresses, type_.dtype.itemsize)
    return tuple(Tile(value.data, value.real) for value in returned)


@meaning("gir.launch", "func.call")
def launch(here: Here, op: Instruction, *operands: Any) -> Running:
    """Runs the function of that name."""
    function = here.state.program.functions.get(op.attributes["callee"])
    if function is None:
        raise UnsupportedError(f"'{op.attributes['callee']}' has no body to run", location=op.location)
    inner = Here(here.state, list(here.values), here.agents, here.registers, here.shared)
    returned = yield from inner.run(function.body, operands)
    return tuple(returned)


@meaning("gir.alternatives")
def alternatives(here: Here, op: Instruction) -> Running:
    """The first of the ways: all give equal results."""
    return tuple((yield from here.run(op.blocks[0], [])))


@meaning("gir.parallel")
def parallel(here: Here, op: Instruction, *counts: Tile) -> Running:
    """Runs the body once for each index, in random order; units of one group take turns at barriers."""
    scope = op.attributes["scope"]
    shape = [max(integer(count), 0) for count in counts]
    size = math.prod(shape)
    base = here.state.agents(size)
    streams: list[Here] = []
    rank: dict[int, int] = {}

    def renew() -> None:
        """After a barrier, what was done before it is over."""
        first = here.state.agents(size)
        for stream in streams:
            index = rank[id(stream)]
            stream.agents = (*here.agents, Agent(scope, index, first + index, first))

    for index in range(size):
        stream = Here(
            state=here.state,
            values=list(here.values),
            agents=(*here.agents, Agent(scope, index, base + index, base)),
            registers=Pool(here.spaces),
            shared=Pool(here.spaces, here.shared.live if scope == "unit" and here.shared is not None else None),
            copies=size if scope == "unit" else 1,
            memory=here.memory if scope == "unit" else Overlay(),
        )
        streams.append(stream)
        rank[id(stream)] = index
    running = [
        stream.run(op.blocks[0], [Tile(np.asarray(i)) for i in place])
        for stream, place in zip(streams, np.ndindex(*shape), strict=True)
    ]
    yield from Schedule(scope, here.state.rng, running, renew).run()
