"""Cutting a graph into pieces that are compiled and operators that stay.

The stage of an operator is how often a way to it from the inputs goes from a piece through what stays into a piece
again. What is taken in one stage and hangs together is one piece: no way leads out of it and back.
"""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from powerfusion.frontend.dynamo.operators import Kind

Piece = list[Node]
SMALL_BYTES = 8
"""A number: a piece isn't worth a call for it, nor is reading it twice worth joining pieces."""


def partition(module: GraphModule, kinds: Mapping[Node, Kind]) -> list[Piece]:
    """The pieces of a graph, each in its order.

    Args:
        module: The graph.
        kinds: What each of its nodes is to us.
    """
    nodes = [node for node in module.graph.nodes if node.op != "output"]
    stages = _stages(nodes, kinds)
    _sink(nodes, kinds, stages)
    pieces = _connected(nodes, kinds, stages)
    trimmed = [_without_views_at_the_end(piece, kinds) for piece in pieces]
    return [piece for piece in trimmed if _is_worth_it(piece, kinds)]


def _is_taken(node: Node, kinds: Mapping[Node, Kind]) -> bool:
    return kinds.get(node, Kind.LEFT) is not Kind.LEFT


def _stages(nodes: Sequence[Node], kinds: Mapping[Node, Kind]) -> dict[Node, int]:
    stages: dict[Node, int] = {}
    for node in nodes:
        taken = _is_taken(node, kinds)
        before = [
            stages[each] + (taken and each.op != "placeholder" and not _is_taken(each, kinds))
            for each in node.all_input_nodes
        ]
        stages[node] = max(before, default=0)
    return stages


def _sink(nodes: Sequence[Node], kinds: Mapping[Node, Kind], stages: dict[Node, int]) -> None:
    """Moves what only later pieces use there, where reading its operands again costs no more than keeping it."""
    for node in reversed(nodes):
        users = _users(node)
        if (
            not _is_taken(node, kinds)
            or _is_part(node)
            or not users
            or not all(_is_taken(each, kinds) for each in users)
        ):
            continue
        stage = min(stages[user] for user in users)
        if stage > stages[node] and sum(map(_size, node.all_input_nodes)) <= 2 * _size(node):
            stages.update(dict.fromkeys([node, *_parts(node)], stage))


def _parts(node: Node) -> list[Node]:
    """What picks one of several results of a node; it stays with the node."""
    return [user for user in node.users if _is_part(user)]


def _users(node: Node) -> list[Node]:
    """What uses a node's result, or one of several."""
    return [user for each in [node, *_parts(node)] for user in each.users if not _is_part(user)]


def _size(node: Node) -> int:
    """Bytes of a node's results, as far as they are known."""
    value = node.meta.get("val")
    tensors = value if isinstance(value, tuple | list) else [value]
    return sum(_bytes(tensor) for tensor in tensors if isinstance(tensor, torch.Tensor))


def _bytes(tensor: Any) -> int:
    count = tensor.numel()
    return (count if isinstance(count, int) else 1 << 20) * tensor.dtype.itemsize


def _connected(nodes: Sequence[Node], kinds: Mapping[Node, Kind], stages: Mapping[Node, int]) -> list[Piece]:
    """Groups of taken nodes of one stage that hang together, by their operands or by reading the same."""
    leader: dict[Node, Node] = {node: node for node in nodes if _is_taken(node, kinds)}

    def find(node: Node) -> Node:
        while leader[node] is not node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    readers: dict[tuple[Node, int], Node] = {}
    for node in leader:
        for each in node.all_input_nodes:
            if each in leader and stages[each] == stages[node]:
                leader[find(node)] = find(each)
            elif _size(each) > SMALL_BYTES:
                leader[find(node)] = find(readers.setdefault((each, stages[node]), node))
    groups: dict[Node, Piece] = {}
    for node in leader:
        groups.setdefault(find(node), []).append(node)
    return list(groups.values())


def _without_views_at_the_end(piece: Piece, kinds: Mapping[Node, Kind]) -> Piece:
    """Drops views, and what is made of numbers, that nothing in the piece uses: ATen has them for nothing."""
    kept = dict.fromkeys(piece)
    for node in reversed(piece):
        if kinds[node] is not Kind.COMPUTE and not _is_part(node) and not any(user in kept for user in _users(node)):
            for each in [node, *_parts(node)]:
                kept.pop(each, None)
    return list(kept)


def _is_part(node: Node) -> bool:
    """Whether a node picks one of several results, which only pieces hand out one by one."""
    return node.target.__name__ == "getitem" if callable(node.target) and hasattr(node.target, "__name__") else False


def _is_worth_it(piece: Piece, kinds: Mapping[Node, Kind]) -> bool:
    """Whether a piece computes anything, and not on single numbers alone."""
    computing = [node for node in piece if kinds[node] is Kind.COMPUTE]
    return any(_size(each) > SMALL_BYTES for node in computing for each in [node, *node.all_input_nodes])


def cut(module: GraphModule, pieces: Sequence[Piece], make: Callable[[GraphModule], torch.nn.Module]) -> GraphModule:
    """Replaces pieces of a graph, in place.

    Args:
        module: The graph.
        pieces: Of its nodes.
        make: What stands for the graph of a piece from then on.
    """
    from torch.fx.passes.utils.fuser_utils import fuse_by_partitions

    fused = fuse_by_partitions(module, [dict.fromkeys(piece) for piece in pieces], prefix="powerfusion_")
    for name, inner in list(fused.named_children()):
        if name.startswith("powerfusion_") and isinstance(inner, GraphModule):
            setattr(fused, name, make(inner))
    return fused
