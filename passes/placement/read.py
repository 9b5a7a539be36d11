"""Reads a block of a function once, into the plain records of `model`; `Handles` leads back to the IR.

%0 = gir.kernel(%x)                node 0: loads tensor x, stores tensor %0
%1 = tensor.expand_shape %0 ...    node 1: another name of tensor %0
%2 = gir.kernel(%1)                node 2: loads tensor %0
"""

from __future__ import annotations

from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    defining_op,
    element_of,
    entry_block,
    integers,
    is_tensor,
    mixed,
    operations,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.instructions import instructions
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.spaces import Dim, Spaces
from powerfusion.passes.fusion.rebuild import is_naive, used_values
from powerfusion.passes.placement.layouts import gathered_layout, loaded_layout, stored_layout
from powerfusion.passes.placement.model import Kernel, Kind, Op, Outer, Program, Reach, Value
from powerfusion.passes.placement.reaches import SCALARS, Blocked, Meaning, kept_in_front, meaning_of, through_view

VIEWS = ("gir.permute", "gir.slice", "gir.reshape")
RENAMING = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.cast")
PARTIAL = ("gir.slice", "gir.window", "gir.gather")  # not all of what they are given need be in what they give


@dataclass
class Handles:
    """What the numbers of a program stand for.

    Attributes:
        nodes: Ops of the block.
        ops: Ops of the kernels.
        values: Tensors at `reg`.
        tensors: Tensors of the function.
        taken: Per block argument of a kernel, the value of the function.
        stored: Per store, the kernel's result.
    """

    nodes: list[ir.Operation] = field(default_factory=list)
    ops: list[ir.Operation] = field(default_factory=list)
    values: list[ir.Value] = field(default_factory=list)
    tensors: list[ir.Value] = field(default_factory=list)
    taken: dict[ir.Value, ir.Value] = field(default_factory=dict)
    stored: dict[int, ir.Value] = field(default_factory=dict)


def read(block: ir.Block) -> tuple[Program, Handles]:
    """The program of a block, and what its numbers stand for."""
    return _Reader(block).read()


class _Reader:
    def __init__(self, block: ir.Block) -> None:
        self.block = block
        self.handles = Handles()
        self.values: list[Value] = []
        self.ops: list[Op] = []
        self.kernels: list[Kernel | None] = []
        self.needs: list[int] = []
        self.readers: list[int] = []
        self.volumes: list[int | None] = []
        self.node_of: dict[ir.Operation, int] = {}
        self.tensor_of: dict[ir.Value, int] = {}
        self.number_of: dict[ir.Value, int] = {}
        self.class_of: dict[Dim, int] = {}
        self.names: dict[ir.Value, int] = {}

    def read(self) -> tuple[Program, Handles]:
        """Reads the ops of the block in order."""
        for node, op in enumerate(operations(self.block)):
            self.handles.nodes.append(op)
            self.node_of[op] = node
            self._read_needs(node, op)
            self.kernels.append(self._kernel(op) if is_naive(op) else None)
        made = [defining_op(_behind(tensor)) in self.node_of for tensor in self.handles.tensors]
        program = Program(self.values, self.ops, self.kernels, self.needs, self.readers, self.volumes, made)
        return program, self.handles

    def _read_needs(self, node: int, op: ir.Operation) -> None:
        """What a node needs, and which tensors it reads; a renaming itself reads nothing."""
        needs = 0
        for value in used_values(op):
            root = root_of(value)
            source = defining_op(root)
            if source in self.node_of:
                needs |= 1 << self.node_of[source] | self.needs[self.node_of[source]]
            if is_tensor(root) and not is_renaming(op):
                self.readers[self._tensor(root)] |= 1 << node
        self.needs.append(needs)

    def _tensor(self, value: ir.Value) -> int:
        if value not in self.tensor_of:
            self.tensor_of[value] = len(self.handles.tensors)
            self.handles.tensors.append(value)
            self.readers.append(0)
            self.volumes.append(_volume(value))
        return self.tensor_of[value]

    # -- kernels -----------------------------------------------------------------------------------

    def _kernel(self, kernel: ir.Operation) -> Kernel:
        spaces = Spaces()
        block = entry_block(kernel)
        self.handles.taken.update(zip(block.arguments, segments(kernel)[0], strict=True))
        for op in operations(block):
            spaces.read(op)
            _tie_more(spaces, op)
        first = len(self.ops)
        blocked = None
        try:
            for op in operations(block):
                self._op(op, spaces, kernel)
        except Blocked as reason:
            blocked = str(reason)
        ops = tuple(range(first, len(self.ops)))
        outers = [(self.ops[op].kind, self.ops[op].outer) for op in ops]
        reads = tuple(outer.tensor for kind, outer in outers if outer and kind is Kind.LOAD)
        writes = tuple(outer.tensor for kind, outer in outers if outer and kind is Kind.STORE)
        return Kernel(ops, reads, writes, blocked)

    def _op(self, op: ir.Operation, spaces: Spaces, kernel: ir.Operation) -> None:
        """Reads one op of a kernel, if it deals with tensors at reg."""
        tensors = [value for value in (*op.operands, *op.results) if is_tensor(value)]
        if op.name == "gir.return":
            _check_returned(op)
            return
        if not tensors and op.name.startswith(SCALARS):
            return
        if op.name in VIEWS and gir.is_at(op.result, "dram"):
            _check_view(op)
            return
        for value in op.results:
            self._value(value, spaces)
        operands = [value for value in op.operands if value in self.number_of]
        meaning, outer = self._meaning(op, spaces, kernel)
        self.ops.append(
            Op(
                meaning.kind,
                tuple(self.number_of[value] for value in operands),
                tuple(self.number_of[value] for value in op.results if value in self.number_of),
                meaning.reaches,
                tuple(self._class(spaces.find(dim)) for dim in meaning.folded),
                tuple(self._class(spaces.find(dim)) for dim in meaning.whole),
                outer,
                _work(op, meaning),
                meaning.view,
                meaning.free,
                meaning.apart,
                str(element_of(op.operands[0].type)) if op.name == "gir.contract" else None,
                meaning.ordered,
            )
        )
        self.handles.ops.append(op)

    def _meaning(self, op: ir.Operation, spaces: Spaces, kernel: ir.Operation) -> tuple[Meaning, Outer | None]:
        if op.name == "gir.move":
            levels = [gir.level_of(value.type) for value in (op.operands[0], op.result)]
            match levels:
                case ["dram", "reg"]:
                    return Meaning(Kind.LOAD), self._loaded(op, spaces)
                case ["reg", "dram"]:
                    rank = op.operands[0].type.rank
                    return Meaning(Kind.STORE, (tuple(map(Reach, range(rank))),)), self._stored(op, spaces, kernel)
                case _:
                    raise Blocked(f"it has a move from {levels[0]} to {levels[1]}")
        meaning = meaning_of(op)
        return meaning, self._gathered(op) if meaning.kind is Kind.GATHER else None

    def _gathered(self, op: ir.Operation) -> Outer:
        """The table that a gather reads: an input of the kernel."""
        table = op.operands[0]
        if not gir.is_at(table, "dram") or table not in self.handles.taken:
            raise Blocked("it gathers from what it computed")
        root = root_of(self.handles.taken[table])
        layout = gathered_layout(op)
        return Outer(self._tensor(root), f"gathered {self._name(op.result)}", (), False, None, False, layout=layout)

    def _value(self, value: ir.Value, spaces: Spaces) -> None:
        if not is_tensor(value) or not gir.is_at(value, "reg"):
            return
        shape = tuple(None if size == DYNAMIC else size for size in value.type.shape)
        if 0 in shape or 1 in shape:
            raise Blocked("it has a dimension of size 0 or 1")
        classes = tuple(self._class(dim) for dim in spaces.classes(value))
        self.number_of[value] = len(self.values)
        self.handles.values.append(value)
        self.values.append(Value(classes, shape, element_bytes(value)))

    def _name(self, value: ir.Value) -> int:
        """A number for a value of the function, or of a kernel that computes it itself."""
        return self.names.setdefault(self.handles.taken.get(value, value), len(self.names))

    def _class(self, dim: Dim) -> int:
        return self.class_of.setdefault(dim, len(self.class_of))

    # -- where kernels meet the function ------------------------------------------------------------

    def _loaded(self, move: ir.Operation, spaces: Spaces) -> Outer:
        """What a load takes: through views, down to an input of the kernel."""
        value = move.operands[0]
        dims = list(range(value.type.rank))
        whole, text = True, ""
        reach: list[Reach] | None = [Reach(dim) for dim in dims]
        while (op := defining_op(value)) is not None:
            if op.name == "gir.slice" and self._is_all(op):
                value = op.operands[0]
                continue
            reach = None if reach is None else through_view(op, reach)
            if op.name == "gir.permute":
                perm = integers(op.attributes["perm"])
                dims = [perm[dim] for dim in dims]
            elif op.name == "gir.slice":
                drop = integers(op.attributes["drop"])
                kept = [dim for dim in range(op.operands[0].type.rank) if dim not in drop]
                dims = [kept[dim] for dim in dims]
                whole = False
                text += f"{op.attributes} {[self._name(v) for v in list(op.operands)[1:]]}"
            elif op.name == "gir.reshape" and op.operands[0] in self.handles.taken:
                whole = False
                text += f"reshaped {op.result.type}"
            else:
                raise Blocked("it loads what it stored")
            value = op.operands[0]
        outer = self.handles.taken[value]
        root = root_of(outer)
        if 1 in value.type.shape:
            raise Blocked("it has a dimension of size 1")
        view = f"{dims} {text} {'' if whole else self._name(outer)}"
        last = max(dims, default=None)
        contiguous = None if last is None else self._class(spaces.find((move.result, dims.index(last))))
        needed = whole and any(use.owner.operation.name not in PARTIAL for use in move.result.uses)
        return Outer(
            self._tensor(root),
            view,
            tuple(dims),
            whole,
            contiguous,
            needed,
            None if reach is None else tuple(reach),
            loaded_layout(move.operands[0]),
        )

    def _is_all(self, op: ir.Operation) -> bool:
        """Whether a slice of a kernel's input is all of it."""
        source = op.operands[0]
        if integers(op.attributes["drop"]) or source not in self.handles.taken:
            return False
        _, *parts = segments(op)
        names = ("static_offsets", "static_sizes", "static_strides")
        starts, sizes, steps = (mixed(op, part, name) for part, name in zip(parts, names, strict=True))
        if any(start != 0 for start in starts) or any(step != 1 for step in steps):
            return False
        dynamic = iter(dynamic_sizes(root_of(self.handles.taken[source])))
        for size, whole in zip(sizes, source.type.shape, strict=True):
            there = next(dynamic, None) if whole == DYNAMIC else whole
            if there is None or (size if isinstance(size, int) else self.handles.taken.get(size)) != there:
                return False
        return True

    def _stored(self, move: ir.Operation, spaces: Spaces, kernel: ir.Operation) -> Outer:
        """Where a store goes: through permutations, up to a result of the kernel."""
        value = move.result
        dims = list(range(value.type.rank))
        while True:
            uses = list(value.uses)
            if len(uses) != 1 or uses[0].owner.operation.name not in ("gir.return", "gir.permute"):
                raise Blocked("it stores what it doesn't just return")
            op = uses[0].owner.operation
            if op.name == "gir.return":
                break
            perm = integers(op.attributes["perm"])
            dims = [perm.index(dim) for dim in dims]
            value = op.result
        result = kernel.results[uses[0].operand_number]
        self.handles.stored[len(self.ops)] = result
        last = max(dims, default=None)
        contiguous = None if last is None else self._class(spaces.find((move.operands[0], dims.index(last))))
        layout = stored_layout(value.type.shape, dims)
        return Outer(self._tensor(result), "", tuple(dims), True, contiguous, layout=layout)


def dynamic_sizes(root: ir.Value) -> list[ir.Value]:
    """The dynamic sizes of a kernel's result, in order; of another tensor none that is known."""
    kernel = defining_op(root)
    if kernel is None or kernel.name != "gir.kernel":
        return []
    counts = [sum(size == DYNAMIC for size in result.type.shape) for result in kernel.results]
    number = ir.OpResult(root).result_number
    first = sum(counts[:number])
    return segments(kernel)[1][first : first + counts[number]]


def _tie_more(spaces: Spaces, op: ir.Operation) -> None:
    """Ties what a nest's dimension goes on through: a border, a window's beginning, what a reshape leaves as it is."""
    if not op.results or not is_tensor(op.results[0]) or not gir.is_at(op.results[0], "reg"):
        return
    if op.name in ("gir.pad", "gir.window"):
        for dim in range(op.operands[0].type.rank):
            spaces.tie((op.operands[0], dim), (op.result, dim))
    if op.name == "gir.reshape":
        old, new = op.operands[0].type.shape, op.result.type.shape
        for dim in range(kept_in_front(old, new)):
            spaces.tie((op.operands[0], dim), (op.result, dim))


def _work(op: ir.Operation, meaning: Meaning) -> int:
    if meaning.view or meaning.free:  # An index is its loops' and lanes', like what is only repeated.
        return 0
    return instructions(op)


def _check_view(op: ir.Operation) -> None:
    """A view at dram must serve moves, views and the kernel's end alone."""
    for use in op.result.uses:
        if use.owner.operation.name not in ("gir.move", "gir.return", *VIEWS):
            raise Blocked(f"it has a '{use.owner.operation.name}' of a tensor at dram")


def _check_returned(op: ir.Operation) -> None:
    """All that a kernel returns it must have stored: what is an input of it, or put together of some, no step makes."""
    for value in op.operands:
        source = defining_op(value)
        while source is not None and source.name == "gir.permute":
            source = defining_op(source.operands[0])
        if source is None or source.name != "gir.move":
            raise Blocked("it returns what it doesn't store")


def _volume(value: ir.Value) -> int | None:
    size = element_bytes(value)
    for extent in value.type.shape:
        if extent == DYNAMIC:
            return None
        size *= extent
    return size


def is_renaming(op: ir.Operation) -> bool:
    """Whether an op of the function gives its operand, with more or fewer dimensions of size 1."""
    return op.name in RENAMING and _is_plain(op.result, op.operands[0])


def root_of(value: ir.Value) -> ir.Value:
    """The tensor of the function that a value is another name of."""
    op = defining_op(value)
    while op is not None and is_renaming(op):
        value = op.operands[0]
        op = defining_op(value)
    return value


def _behind(value: ir.Value) -> ir.Value:
    """The tensor whose elements a value has, in whatever shape."""
    op = defining_op(value)
    while op is not None and op.name in RENAMING:
        value = op.operands[0]
        op = defining_op(value)
    return value


def _is_plain(value: ir.Value, other: ir.Value) -> bool:
    """Whether two shapes are the same but for dimensions of size 1."""
    shapes = [[size for size in tensor.type.shape if size != 1] for tensor in (value, other)]
    return shapes[0] == shapes[1]
