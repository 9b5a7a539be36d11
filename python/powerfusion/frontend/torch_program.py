"""PyTorch's modules, functions and exported programs as linalg, through `torch.export` and torch-mlir."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from powerfusion.errors import SourceError, UnsupportedError
from powerfusion.frontend.imported import ImportedModel
from powerfusion.frontend.torch_mlir import EXPORTED_TO_TORCH, TORCH_TO_LINALG, lower, make_context, require
from powerfusion.runtime.signature import Array, as_numpy

WHAT = "importing from PyTorch"


def import_torch(source: Any, inputs: Any = None, dynamic_shapes: Any = None) -> ImportedModel:
    """Imports a program of PyTorch's.

    Args:
        source: A module, a function of tensors, or what `torch.export.export` gave.
        inputs: A tensor, a tuple of positional arguments, or a dictionary of named ones; for a program that is
            exported already, nothing.
        dynamic_shapes: Which sizes stay open, as `torch.export.export` takes it.

    Raises:
        SourceError: PyTorch can't export it.
        UnsupportedError: Operators aren't supported, or it changes its own buffers or its arguments.
        ToolError: torch-mlir isn't installed.
    """
    torch = require("torch", WHAT)
    from powerfusion.frontend.decompositions import for_import

    if isinstance(source, torch.export.ExportedProgram):
        if inputs is not None or dynamic_shapes is not None:
            raise SourceError("an exported program has inputs and dynamic shapes of its own", help="pass it alone")
        program, name = source, "the exported program"
    else:
        name = f"'{getattr(source, '__name__', type(source).__name__)}'"
        program = _export(torch, source, inputs, dynamic_shapes, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Of packages that torch-mlir and PyTorch use.
        program = program.run_decompositions(for_import())
    _check_pure(program, name)
    weights = _weights(program)
    return ImportedModel(name, import_graph(program.graph, name), weights)


def _export(torch: Any, source: Any, inputs: Any, dynamic_shapes: Any, name: str) -> Any:
    """Has PyTorch trace a module or a function."""
    if inputs is None:
        raise SourceError(f"expected example inputs for {name}", help="powerfusion.compile(module, (x, y))")
    if not isinstance(source, torch.nn.Module):
        source = _Function(torch, source).module
    arguments, named = ((), inputs) if isinstance(inputs, dict) else (_as_tuple(inputs), {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return torch.export.export(source, arguments, named, dynamic_shapes=dynamic_shapes)
    except Exception as error:  # There is no common base of what tracing raises.
        message = str(error).strip()
        raise SourceError(
            f"PyTorch can't export {name}: {message.splitlines()[0] if message else type(error).__name__}",
            help="torch.export.export(module, inputs) says more; torch.compile takes what can't be exported",
        ) from error


class _Function:
    """A function of tensors in a module, as exporting wants it."""

    def __init__(self, torch: Any, function: Any) -> None:
        class Module(torch.nn.Module):  # type: ignore[misc]
            def forward(self, *arguments: Any, **named: Any) -> Any:
                return function(*arguments, **named)

        self.module = Module()


def _as_tuple(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def _check_pure(program: Any, name: str) -> None:
    signature = program.graph_signature
    changed = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if changed:
        raise UnsupportedError(
            f"{name} changes what it is given or keeps: {', '.join(map(repr, changed))}",
            help="for inference call module.eval(); torch.compile(model, backend='powerfusion') takes it as it is",
        )


def _weights(program: Any) -> dict[int, Array]:
    """Parameters, buffers and constants by the position of the placeholder that stands for each.

    Placeholders of what isn't a tensor are removed: their values are in the graph already.
    """
    signature = program.graph_signature
    states = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    constants = signature.inputs_to_lifted_tensor_constants
    weights: dict[int, Array] = {}
    place = 0
    for node in program.graph.find_nodes(op="placeholder"):
        if not hasattr(node.meta.get("val"), "shape"):
            if node.users:
                raise UnsupportedError(f"expected tensors as arguments, got '{node.name}'", help="make it a tensor")
            program.graph.erase_node(node)
            continue
        if node.name in states or node.name in constants:
            weights[place] = _array(program, states.get(node.name) or constants[node.name])
        place += 1
    return weights


def _array(program: Any, name: str) -> Array:
    value = program.state_dict.get(name)
    value = program.constants[name] if value is None else value
    return np.require(as_numpy(value.detach().cpu(), name), requirements=["C"])


def import_graph(graph: Any, name: str) -> str:
    """A graph of ATen's operators as linalg on tensors, every placeholder an argument.

    Args:
        graph: An FX graph without side effects, with the metadata that tracing leaves.
        name: What errors call it.

    Raises:
        UnsupportedError: Operators aren't supported.
    """
    importer = require("torch_mlir.extras.fx_importer", WHAT).FxImporter(context=make_context())
    _restore_views(graph)
    try:
        importer.import_stateless_graph(graph, func_name="main")
    except Exception as error:  # Its importer raises whatever it meets.
        raise UnsupportedError(f"{name} can't be imported: {error}") from error
    help = "torch.compile(model, backend='powerfusion') leaves to PyTorch what can't be imported"
    return lower(importer.module, name, EXPORTED_TO_TORCH, TORCH_TO_LINALG, help=help)


def _restore_views(graph: Any) -> None:
    """Writes views again that PyTorch's decompositions wrote as strides: programs have shapes, and no strides."""
    aten = require("torch", WHAT).ops.aten
    for node in graph.find_nodes(op="call_function", target=aten.as_strided.default):
        source, size, stride, *offset = node.args
        value = source.meta["val"]
        row_major = [math.prod(size[dim + 1 :]) for dim in range(len(size))]
        same = value.is_contiguous() and value.numel() == math.prod(size) and not any(offset)
        if same and all(count == 1 or given == own for count, given, own in zip(size, stride, row_major, strict=True)):
            node.target, node.args = aten.view.default, (source, size)
