"""Which operators of a piece are why it can't be compiled: each is tried alone."""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import operator
from typing import cast

import torch
from torch.fx import Graph, GraphModule, Node

from powerfusion.frontend.dynamo.operators import Kind, calls, kind_of
from powerfusion.frontend.dynamo.piece import CompiledPiece

WHY = "can't be compiled"
_tried: dict[str, bool] = {}
"""Whether an operator compiles alone, by what it is and on what."""


def find_refused(graph: GraphModule) -> dict[Node, str]:
    """The operators that don't compile alone either, with the reason; none if it is how they stand together."""
    return {node: WHY for node in calls(graph.graph) if kind_of(node)[0] is Kind.COMPUTE and not _compiles(node)}


def _compiles(node: Node) -> bool:
    alone = _alone(node)
    inputs = [each.meta["val"] for each in alone.graph.find_nodes(op="placeholder")]
    if not all(isinstance(each, torch.Tensor) for each in inputs):
        return True  # Sizes among its operands: it is tried where those are known.
    key = "\n".join([*(f"{tuple(each.shape)} {each.stride()} {each.dtype}" for each in inputs), alone.code])
    if key not in _tried:
        _tried[key] = CompiledPiece(alone).prepare() is None
    return _tried[key]


def _alone(node: Node) -> GraphModule:
    """A graph with one operator, or with that and the choice of its results."""
    graph = Graph()
    made = {}
    for each in node.all_input_nodes:
        made[each] = graph.placeholder(each.name)
        made[each].meta = dict(each.meta)
    copy = graph.node_copy(node, made.__getitem__)
    value = node.meta["val"]
    if isinstance(value, tuple | list):
        used = sorted({cast(int, user.args[1]) for user in node.users})
        graph.output(tuple(graph.call_function(operator.getitem, (copy, at)) for at in used))
    else:
        graph.output(copy)
    return GraphModule(torch.nn.Module(), graph)
