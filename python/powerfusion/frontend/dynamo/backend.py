"""The backend that PyTorch finds by the name `powerfusion`: graphs in, functions out, forward and backward."""

# pyright: basic, reportMissingImports=false  PyTorch isn't there in every environment that is checked

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.fx import GraphModule, Node

from powerfusion.errors import InputError
from powerfusion.frontend.dynamo.counts import current
from powerfusion.frontend.dynamo.operators import Kind, calls, kind_of, name_of
from powerfusion.frontend.dynamo.partition import cut, partition
from powerfusion.frontend.dynamo.piece import CompiledPiece, note_taken
from powerfusion.frontend.torch_mlir import require

WHAT = "torch.compile(model, backend='powerfusion')"


def backend(
    module: GraphModule,
    example_inputs: Sequence[Any],
    *,
    mode: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """Compiles a graph that TorchDynamo captured.

    Args:
        module: The graph.
        example_inputs: Its inputs, or fakes of them.
        mode: As other backends take it; there is one way to compile here, so it changes nothing.
        options: None are known.

    Raises:
        InputError: There are options.
        ToolError: torch-mlir isn't installed.
    """
    if options:
        raise InputError(f"expected no options for the backend, got {', '.join(map(repr, options))}")
    require("torch_mlir.ir", WHAT)
    compiler = aot_autograd(
        fw_compiler=compile_graph,
        decompositions=_decompositions(),
        partition_fn=min_cut_rematerialization_partition,
    )
    return compiler(module, example_inputs)


def _decompositions() -> dict[Any, Any]:
    """PyTorch's own, less those that make of an operator what torch-mlir takes less well than the operator itself."""
    taken = require("torch_mlir.extras.fx_decomp_util", WHAT).get_decomposition_table()
    return {operator: how for operator, how in torch._decomp.core_aten_decompositions().items() if operator in taken}


def compile_graph(module: GraphModule, example_inputs: Sequence[Any]) -> Callable[..., Any]:
    """Compiles the pieces of a graph of ATen's operators; what can't be compiled runs as it would without us."""
    from functorch.compile import make_boxed_func

    current().graphs += 1
    return make_boxed_func(_compile_pieces(module))


def _compile_pieces(module: GraphModule) -> GraphModule:
    kinds: dict[Node, Kind] = {}
    reasons: dict[Node, str] = {}
    for node in module.graph.nodes:
        kinds[node], reasons[node] = kind_of(node)
    pieces = partition(module, kinds)
    taken = {node for piece in pieces for node in piece}
    for node in calls(module.graph):
        if node not in taken:
            why = reasons[node] or "a view, or nothing to compute"
            current().left[name_of(node), why] += 1
    return cut(module, pieces, _make)


def _make(graph: GraphModule) -> torch.nn.Module:
    piece = CompiledPiece(graph)
    why = piece.prepare()
    if why is None:
        note_taken(graph)
        return piece
    current().fell_back[why] += 1
    return graph
