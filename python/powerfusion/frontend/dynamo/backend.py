"""The backend that PyTorch finds by the name `powerfusion`: graphs in, functions out, forward and backward."""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.fx import GraphModule, Node

from powerfusion.errors import InputError
from powerfusion.frontend.decompositions import for_training
from powerfusion.frontend.dynamo.counts import current
from powerfusion.frontend.dynamo.operators import Kind, calls, kind_of, name_of
from powerfusion.frontend.dynamo.partition import cut, partition
from powerfusion.frontend.dynamo.piece import CompiledPiece, note_taken
from powerfusion.frontend.dynamo.refused import find_refused
from powerfusion.frontend.torch_mlir import require
from powerfusion.pipelines import STRICT, Freedoms

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
        options: `excess_precision`, `fp_contract` and `libraries`, as of `powerfusion.compile`; by default none.

    Raises:
        InputError: There are others.
        ToolError: torch-mlir isn't installed.
    """
    known = [each.name for each in fields(Freedoms)]
    if unknown := [name for name in options or () if name not in known]:
        raise InputError(f"expected options of {', '.join(known)}, got {', '.join(map(repr, unknown))}")
    freedoms = Freedoms(**{name: bool(value) for name, value in (options or {}).items()})
    require("torch_mlir.ir", WHAT)
    compiler = aot_autograd(
        fw_compiler=partial(compile_graph, freedoms=freedoms),
        decompositions=for_training(),
        partition_fn=min_cut_rematerialization_partition,
    )
    return compiler(module, example_inputs)


def compile_graph(
    module: GraphModule, example_inputs: Sequence[Any], *, freedoms: Freedoms = STRICT
) -> Callable[..., Any]:
    """Compiles the pieces of a graph of ATen's operators; what can't be compiled runs as it would without us."""
    from functorch.compile import make_boxed_func  # pyright: ignore[reportPrivateImportUsage]

    current().graphs += 1
    return make_boxed_func(_compile_pieces(module, freedoms))


def _compile_pieces(module: GraphModule, freedoms: Freedoms, refused: Mapping[Node, str] | None = None) -> GraphModule:
    """Cuts a graph into pieces and compiles them.

    Args:
        module: Is changed in place.
        freedoms: What may be computed otherwise than the graph says.
        refused: What can't be compiled, and why.
    """
    kinds: dict[Node, Kind] = {}
    reasons: dict[Node, str] = {}
    for node in module.graph.nodes:
        kinds[node], reasons[node] = (Kind.LEFT, refused[node]) if refused and node in refused else kind_of(node)
    pieces = partition(module, kinds)
    taken = {node for piece in pieces for node in piece}
    for node in calls(module.graph):
        if node not in taken:
            current().left[name_of(node), reasons[node] or "a view, or nothing to compute"] += 1
    return cut(module, pieces, partial(_make, freedoms=freedoms))


def _make(graph: GraphModule, freedoms: Freedoms) -> torch.nn.Module:
    """Compiles a piece; where that fails, the parts of it that are left without what can't be compiled."""
    piece = CompiledPiece(graph, freedoms)
    why = piece.prepare()
    if why is None:
        note_taken(graph)
        return piece
    current().fell_back[why] += 1
    refused = find_refused(graph)
    return _compile_pieces(graph, freedoms, refused) if refused else graph
