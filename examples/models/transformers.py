"""Transformers: BERT, ViT and GPT-2's step, and the layers they share.

Attention is written out: its softmax, mask and scale are bound by memory, its two products are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Transformer:
    """A stack of layers.

    Attributes:
        layers: How many.
        hidden: Width of a token.
        heads: Of attention.
        inner: Width of the part between attentions.
        length: Tokens of a sequence; for a step those that are kept of before.
        vocabulary: Different tokens, for models of text.
        image: Height and width, for models of images.
        patch: Height and width of what becomes one token.
        classes: Results per sequence, for models that classify.
    """

    layers: int = 12
    hidden: int = 768
    heads: int = 12
    inner: int = 3072
    length: int = 512
    vocabulary: int = 30522
    image: int = 224
    patch: int = 28
    classes: int = 1000


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, length, hidden) as (batch, heads, length, hidden / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Softmax of scaled products, all (batch, heads, length, width); heads are side by side in the result."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(-2)


class Attention(nn.Module):
    """Attention of a sequence to itself, and to what is kept of before."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs, self.output = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)

    def forward(self, x: Tensor, bias: Tensor | None = None, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Gives the result, and keys and values, (2, batch, heads, length, width), behind those kept."""
        query, key, value = (split_heads(part, self.heads) for part in self.inputs(x).chunk(3, -1))
        pair = torch.stack([key, value])
        if kept is not None:
            pair = torch.cat([kept, pair], -2)
        return self.output(attend(query, pair[0], pair[1], bias)), pair


class Layer(nn.Module):
    """Attention, then two products with a GELU between; norms before each, as of GPT-2, or behind, as of BERT."""

    def __init__(self, of: Transformer, *, norm_first: bool, approximate: str = "none") -> None:
        super().__init__()
        self.norm_first, self.approximate = norm_first, approximate
        self.attention = Attention(of.hidden, of.heads)
        self.norm1, self.norm2 = nn.LayerNorm(of.hidden), nn.LayerNorm(of.hidden)
        self.wide, self.narrow = nn.Linear(of.hidden, of.inner), nn.Linear(of.inner, of.hidden)

    def forward(self, x: Tensor, bias: Tensor | None = None, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Gives the result, and keys and values."""
        if self.norm_first:
            made, pair = self.attention(self.norm1(x), bias, kept)
            x = x + made
            return x + self._between(self.norm2(x)), pair
        made, pair = self.attention(x, bias, kept)
        x = self.norm1(x + made)
        return self.norm2(x + self._between(x)), pair

    def _between(self, x: Tensor) -> Tensor:
        return self.narrow(functional.gelu(self.wide(x), approximate=self.approximate))


class Bert(nn.Module):
    """BERT that classifies: tokens and a mask of those that count in, logits out."""

    def __init__(self, of: Transformer) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(of.vocabulary, of.hidden), nn.Embedding(of.length, of.hidden)
        self.kinds, self.norm = nn.Embedding(2, of.hidden), nn.LayerNorm(of.hidden)
        self.layers = nn.ModuleList(Layer(of, norm_first=False) for _ in range(of.layers))
        self.pool, self.classify = nn.Linear(of.hidden, of.hidden), nn.Linear(of.hidden, of.classes)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`tokens`: (batch, length) i64; `mask`: the same, 1 or 0."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.norm(self.tokens(tokens) + self.places(places) + self.kinds(torch.zeros_like(tokens)))
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e9
        for layer in self.layers:
            x, _ = layer(x, bias)
        return self.classify(torch.tanh(self.pool(x[:, 0])))


class Vit(nn.Module):
    """A vision transformer that averages its tokens: images in, logits out."""

    def __init__(self, of: Transformer) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, of.hidden, of.patch, of.patch)
        self.places = nn.Parameter(torch.randn(1, (of.image // of.patch) ** 2, of.hidden) * 0.02)
        self.layers = nn.ModuleList(Layer(of, norm_first=True) for _ in range(of.layers))
        self.norm, self.classify = nn.LayerNorm(of.hidden), nn.Linear(of.hidden, of.classes)

    def forward(self, images: Tensor) -> Tensor:
        """`images`: (batch, 3, height, width) f32."""
        x = self.patches(images).flatten(2).transpose(1, 2) + self.places
        for layer in self.layers:
            x, _ = layer(x)
        return self.classify(self.norm(x).mean(1))


class Gpt2Step(nn.Module):
    """GPT-2's step: one token and what is kept of those before in, logits and what is kept from now on out."""

    def __init__(self, of: Transformer) -> None:
        super().__init__()
        self.length = of.length
        self.tokens, self.places = nn.Embedding(of.vocabulary, of.hidden), nn.Embedding(of.length + 1, of.hidden)
        self.layers = nn.ModuleList(Layer(of, norm_first=True, approximate="tanh") for _ in range(of.layers))
        self.norm, self.classify = nn.LayerNorm(of.hidden), nn.Linear(of.hidden, of.vocabulary, bias=False)

    def forward(self, token: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """`token`: (batch, 1) i64; `kept`: (layers, 2, batch, heads, length, width) f32."""
        x = self.tokens(token) + self.places.weight[self.length]
        pairs = []
        for layer, before in zip(self.layers, kept, strict=True):
            x, pair = layer(x, None, before)
            pairs.append(pair)
        return self.classify(self.norm(x[:, -1])), torch.stack(pairs)
