"""The memory-bound parts of well-known networks, as `torch.nn` modules.

Matrix multiplications and convolutions are left out, but for one whole layer: their results come in as arguments. Every
module is written the way its network writes it, so that what torch-mlir makes of it is what a user's model gives.
"""

import math
from collections.abc import Callable

import references
import torch
from torch import Tensor, nn


class ReluAdd(nn.Module):
    """The pair of operators that PowerFusion's paper opens with."""

    def forward(self, activation: Tensor, residual: Tensor) -> Tensor:
        """Adds `residual` to the rectified `activation`; both have one shape."""
        return torch.relu(activation) + residual


class BertBiasGelu(nn.Module):
    """The end of BERT's intermediate layer, after its matrix multiplication."""

    def __init__(self, width: int) -> None:
        """Makes a bias of `width` elements."""
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))
        self.activation = nn.GELU()

    def forward(self, projected: Tensor) -> Tensor:
        """Takes (sequence, width) and gives the same shape."""
        return self.activation(projected + self.bias)


class BertResidualLayerNorm(nn.Module):
    """The end of BERT's output layers: dropout, residual, layer normalisation."""

    def __init__(self, width: int) -> None:
        """Normalises over the last `width` elements, with BERT's epsilon."""
        super().__init__()
        self.dropout = nn.Dropout(0.1)
        self.norm = nn.LayerNorm(width, eps=references.BERT_EPSILON)

    def forward(self, projected: Tensor, residual: Tensor) -> Tensor:
        """Takes two (sequence, width) tensors and gives one."""
        return self.norm(self.dropout(projected) + residual)


class BertMaskedSoftmax(nn.Module):
    """BERT's attention between its two matrix multiplications, with a padding mask of whole numbers."""

    def __init__(self, head_width: int) -> None:
        """Scales the scores for heads of `head_width` elements."""
        super().__init__()
        self.head_width = head_width
        self.dropout = nn.Dropout(0.1)

    def forward(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Takes scores (batch, heads, queries, keys) and a mask (batch, keys) that is 1 where a key counts."""
        visible = mask[:, None, None, :].to(scores.dtype)
        penalty = (1.0 - visible) * torch.finfo(scores.dtype).min
        return self.dropout(torch.softmax(scores / math.sqrt(self.head_width) + penalty, dim=-1))


class BertLayer(nn.Module):
    """One layer of BERT's encoder: attention of several heads, then two dense layers, each with residual and norm."""

    def __init__(self, width: int, heads: int, intermediate: int) -> None:
        """Makes a layer for hidden states of `width` elements; `intermediate` is the width between the dense layers."""
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attention = BertMaskedSoftmax(width // heads)
        self.joined = nn.Linear(width, width)
        self.attended = BertResidualLayerNorm(width)
        self.intermediate = nn.Linear(width, intermediate)
        self.activation = nn.GELU()
        self.output = nn.Linear(intermediate, width)
        self.finished = BertResidualLayerNorm(width)

    def _by_head(self, projected: Tensor) -> Tensor:
        batch, sequence, width = projected.shape
        return projected.view(batch, sequence, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Takes (batch, sequence, width), gives the same; a mask (batch, sequence) is 1 where a key counts."""
        query, key, value = (self._by_head(dense(hidden)) for dense in (self.query, self.key, self.value))
        weights = self.attention(query @ key.transpose(-1, -2), mask)
        context = (weights @ value).transpose(1, 2).reshape(hidden.shape)
        attended = self.attended(self.joined(context), hidden)
        return self.finished(self.output(self.activation(self.intermediate(attended))), attended)


class CausalSoftmax(nn.Module):
    """A decoder's attention between its two matrix multiplications, with a boolean mask."""

    def forward(self, scores: Tensor, hidden: Tensor) -> Tensor:
        """Takes scores (batch, heads, queries, keys) and a mask (queries, keys), true where a key is hidden."""
        return torch.softmax(scores.masked_fill(hidden, -math.inf), dim=-1)


class ShuffleNetBlock(nn.Module):
    """The end of a ShuffleNet-v2 unit: normalise and rectify the branch, join the shortcut, shuffle the channels."""

    def __init__(self, channels: int, groups: int) -> None:
        """Normalises `channels` channels of the branch and shuffles twice as many in `groups` groups."""
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.ReLU()
        self.groups = groups

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        """Takes two (batch, channels, height, width) tensors and gives (batch, 2 * channels, height, width)."""
        joined = torch.cat((shortcut, self.activation(self.norm(branch))), dim=1)
        batch, channels, height, width = joined.shape
        grouped = joined.view(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class VitEmbedding(nn.Module):
    """ViT's embedding after its convolution, and the normalisation that opens the first layer."""

    def __init__(self, width: int, patches: int) -> None:
        """Makes a class token of `width` elements and positions for it and `patches` patches."""
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, patches + 1, width))
        self.dropout = nn.Dropout(0.1)
        self.norm = nn.LayerNorm(width, eps=references.VIT_EPSILON)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Takes (batch, width, rows, columns); gives the tokens (batch, 1 + patches, width) and them normalised."""
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat((self.class_token.expand(tokens.shape[0], -1, -1), tokens), dim=1)
        tokens = self.dropout(tokens + self.position)
        return tokens, self.norm(tokens)


def _shufflenet_block() -> nn.Module:
    """A block with the frozen statistics that its reference uses."""
    block = ShuffleNetBlock(references.SHUFFLENET_CHANNELS, references.SHUFFLENET_GROUPS)
    frozen = {name: torch.from_numpy(values) for name, values in references.frozen_batch_norm().items()}
    block.load_state_dict(block.state_dict() | frozen)
    return block


MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu_add": ReluAdd,
    "bert_bias_gelu": lambda: BertBiasGelu(references.BERT_INTERMEDIATE),
    "bert_residual_layernorm": lambda: BertResidualLayerNorm(references.BERT_WIDTH),
    "bert_masked_softmax": lambda: BertMaskedSoftmax(references.BERT_HEAD_WIDTH),
    "bert_layer": lambda: BertLayer(references.BERT_WIDTH, references.BERT_HEADS, references.BERT_INTERMEDIATE),
    "causal_softmax": CausalSoftmax,
    "shufflenet_block": _shufflenet_block,
    "vit_embedding": lambda: VitEmbedding(references.VIT_WIDTH, references.VIT_PATCHES),
}
"""One maker per example, under the example's name."""
