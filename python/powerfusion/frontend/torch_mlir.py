"""torch-mlir, as the importers of models use it: its passes, and all that they refuse at once.

It has MLIR bindings of its own, whose contexts and ours don't meet: programs cross as text.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.errors import ToolError, UnsupportedError, location_text
from powerfusion.frontend.imported import NO_SIGN
from powerfusion.frontend.tm_tensor import restate
from powerfusion.frontend.unsigned import widen_unsigned

EXPORTED_TO_TORCH = (
    "builtin.module(func.func(torch-match-quantized-custom-ops),torchdynamo-export-to-torch-backend-pipeline)"
)
ONNX_TO_TORCH = (
    "builtin.module(torch-onnx-to-torch-backend-pipeline{backend-legal-ops=aten.flatten.using_ints,aten.unflatten.int})"
)
TORCH_TO_LINALG = "builtin.module(torch-backend-to-linalg-on-tensors-backend-pipeline)"
UNREADABLE = ("torch", "torch_c", "tm_tensor", "ml_program", "stablehlo", "chlo")
"""Dialects of which nothing may be left: no MLIR but torch-mlir's knows them, or no pass of ours takes them."""
HELP = "install what imports models: tools/bootstrap --with models, or pip install 'powerfusion[models]'"


def require(module: str, what: str) -> Any:
    """Imports a package of the extra `models`.

    Args:
        module: The package's module.
        what: What it is needed for, as in "importing an ONNX file".

    Raises:
        ToolError: It isn't installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ToolError(f"{what} needs {module.partition('.')[0]}: {error}", help=HELP) from None


@dataclass(frozen=True)
class Refused:
    """An operator that a pipeline doesn't take.

    Attributes:
        name: The operator's, as its framework has it.
        place: `file:line` in the model's source, or its node's name; empty where that isn't known.
        reason: What torch-mlir says.
    """

    name: str
    place: str
    reason: str


def make_context() -> Any:
    """A context of torch-mlir's with its dialects."""
    ir = require("torch_mlir.ir", "importing a model")
    context = ir.Context()
    require("torch_mlir.dialects.torch", "importing a model").register_dialect(context)
    context.emit_error_diagnostics = True  # Else an error of a pass that goes on all the same ends the process.
    return context


def lower(module: Any, what: str, *pipelines: str, help: str | None = None) -> str:
    """Takes a module of torch-mlir's to linalg on tensors.

    Args:
        module: Is changed in place.
        what: What errors call it.
        pipelines: In order.
        help: What the user can do about operators that aren't supported.

    Returns:
        Text, with locations.

    Raises:
        UnsupportedError: Operators aren't supported; names all of them, with their places.
    """
    before = module.operation.clone()
    said = run(module.operation, pipelines)
    if said is None:
        _mark_unsigned(module, before)
        return str(module.operation.get_asm(enable_debug_info=True))
    refused = list(find_refused(before, pipelines))
    if refused:
        raise UnsupportedError(
            f"{what} has {len(refused)} operator{'s' if len(refused) > 1 else ''} that can't be imported:\n"
            + "\n".join(f"  {each.name}{f' at {each.place}' if each.place else ''}: {each.reason}" for each in refused),
            help=help or "write them by others, or compile the parts around them",
        )
    raise UnsupportedError(f"{what} can't be imported: {said}")


def _mark_unsigned(module: Any, before: Any) -> None:
    """Says of results which had unsigned integers before they were lowered."""
    ir = require("torch_mlir.ir", "importing a model")
    function, old = (next(op for op in walk(operation) if _is_entry(op)) for operation in (module.operation, before))
    unsigned = [re.search(r"\bui\d+>*$", str(type_)) for type_ in old.attributes["function_type"].value.results]
    if any(unsigned):
        with module.context:
            marks = [ir.DictAttr.get({NO_SIGN: ir.UnitAttr.get()} if each else {}) for each in unsigned]
            function.attributes["res_attrs"] = ir.ArrayAttr.get(marks)


def _is_entry(op: Any) -> bool:
    return op.name == "func.func" and str(op.attributes.get("sym_visibility", '"public"')) == '"public"'


def run(operation: Any, pipelines: Sequence[str]) -> str | None:
    """Runs pipelines on a module of torch-mlir's; gives what was said against it, None if nothing."""
    passmanager = require("torch_mlir.passmanager", "importing a model")
    said: list[str] = []

    def note(diagnostic: Any) -> bool:
        if str(diagnostic.severity).endswith("ERROR"):
            said.append(str(diagnostic.message))
        return True

    context = operation.context
    handler = context.attach_diagnostic_handler(note)
    try:
        with context:
            for pipeline in pipelines:
                if pipeline == TORCH_TO_LINALG:
                    widen_unsigned(operation, require("torch_mlir.ir", "importing a model"))
                passmanager.PassManager.parse(pipeline).run(operation)
    except Exception as error:  # Its bindings' own error, or whatever a pass throws.
        return _first_line(said[0] if said else str(error))
    finally:
        handler.detach()
    left = _say_otherwise(operation)
    return None if left is None else f"'{left.name}' is left, which no pass takes further"


def _say_otherwise(operation: Any) -> Any:
    """Restates operations of dialects that can't be read; gives the first for which that can't be done."""
    ir = require("torch_mlir.ir", "importing a model")
    operation.context.allow_unregistered_dialects = True
    unreadable = [op for op in walk(operation) if op.name.partition(".")[0] in UNREADABLE and not _is_inner(op)]
    return next((op for op in unreadable if not restate(op, ir)), None)


def _is_inner(op: Any) -> bool:
    """Whether an operation is part of another one that can't be read."""
    return op.parent is not None and op.parent.name.partition(".")[0] in UNREADABLE


def walk(operation: Any) -> Iterator[Any]:
    """All operations within one, in the order of the text."""
    for region in operation.regions:
        for block in region.blocks:
            for op in block.operations:
                yield op.operation
                yield from walk(op.operation)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].removeprefix("error: ") if text.strip() else "a pass failed"


# -- which operators are refused -------------------------------------------------------------------


def find_refused(module: Any, pipelines: Sequence[str]) -> Iterator[Refused]:
    """Tries each kind of operator of a module in a program of its own.

    Args:
        module: As the importer made it, not lowered.
        pipelines: That don't take it.

    Yields:
        What they refuse, in the order of the program.
    """
    tried: dict[str, str | None] = {}
    for op in walk(module.operation):
        if op.name in ("func.func", "func.call", "func.return") or not any(_is_tensor(result) for result in op.results):
            continue
        if _is_literal(op):
            continue
        alone = _alone(op)
        key = str(alone)
        if key not in tried:
            tried[key] = run(alone.operation, pipelines)
        reason = tried[key]
        if reason is not None:
            yield Refused(_name(op), place_of(op.location), reason)


def _is_tensor(value: Any) -> bool:
    return "tensor<" in str(value.type)


def _is_literal(op: Any) -> bool:
    return len(op.operands) == 0 and len(op.regions) == 0


def _name(op: Any) -> str:
    """What the framework calls an operator; `torch.operator` has it as an attribute."""
    if "name" in op.attributes:
        return str(op.attributes["name"]).strip('"')
    return op.name.removeprefix("torch.")


def _alone(op: Any) -> Any:
    """A module with one operator, and with what its operands that are no tensors are made from."""
    ir = require("torch_mlir.ir", "importing a model")
    func = require("torch_mlir.dialects.func", "importing a model")
    with op.context, ir.Location.unknown():
        needed = _needed(op)
        inputs = [value for each in needed for value in each.operands if not _is_made(value, needed)]
        distinct = list(dict.fromkeys(inputs))
        module = ir.Module.create()
        type_ = ir.FunctionType.get([value.type for value in distinct], [value.type for value in op.results])
        with ir.InsertionPoint(module.body):
            function = func.FuncOp("probe", type_)
        _copy_attributes(op, function)
        block = function.add_entry_block()
        made = dict(zip(distinct, block.arguments, strict=True))
        with ir.InsertionPoint(block):
            for each in needed:
                copy = each.clone()
                for place, value in enumerate(each.operands):
                    copy.operands[place] = made[value]
                made |= zip(each.results, copy.results, strict=True)
            func.ReturnOp([made[value] for value in op.results])
    return module


def _copy_attributes(op: Any, function: Any) -> None:
    """What the function says of all its operators: the versions of ONNX's."""
    parent = op.parent
    while parent is not None and parent.operation.name != "func.func":
        parent = parent.parent
    if parent is None:
        return
    for named in parent.operation.attributes:
        name = named if isinstance(named, str) else named.name
        if name.startswith("torch."):
            function.attributes[name] = parent.operation.attributes[name]


def _needed(op: Any) -> list[Any]:
    """An operator behind those that make its numbers and lists, and its literals."""
    order: list[Any] = []

    def add(each: Any) -> None:
        for value in each.operands:
            owner = value.owner
            is_op = hasattr(owner, "operands") or hasattr(owner, "operation")
            if is_op and (not _is_tensor(value) or _is_literal(owner.operation)) and owner.operation not in order:
                add(owner.operation)
        order.append(each)

    add(op)
    return order


def _is_made(value: Any, needed: Sequence[Any]) -> bool:
    return any(value == result for each in needed for result in each.results)


def place_of(location: Any) -> str:
    """Where an operator stands in the model: a line of its source, or its node's name."""
    text = location_text(str(location))
    return "" if text == "unknown" or "(" in text else text
