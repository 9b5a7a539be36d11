"""Single blocks: Llama's, and a pair of Swin's, whose second shifts its windows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.transformers import attend, split_heads


@dataclass(frozen=True)
class Llama:
    """A block of Llama's kind: widths, heads that ask and heads that are asked, tokens."""

    hidden: int = 2048
    heads: int = 32
    key_heads: int = 4
    inner: int = 5632
    length: int = 128


class LlamaBlock(nn.Module):
    """RMS norms, rotary embedding, attention with fewer keys than queries, SwiGLU."""

    def __init__(self, of: Llama) -> None:
        super().__init__()
        self.of, width = of, of.hidden // of.heads
        self.norm1, self.norm2 = nn.RMSNorm(of.hidden, eps=1e-5), nn.RMSNorm(of.hidden, eps=1e-5)
        self.query = nn.Linear(of.hidden, of.hidden, bias=False)
        self.key = nn.Linear(of.hidden, of.key_heads * width, bias=False)
        self.value = nn.Linear(of.hidden, of.key_heads * width, bias=False)
        self.output = nn.Linear(of.hidden, of.hidden, bias=False)
        self.gate, self.up = (nn.Linear(of.hidden, of.inner, bias=False) for _ in range(2))
        self.down = nn.Linear(of.inner, of.hidden, bias=False)
        angles = torch.outer(torch.arange(of.length), 10000.0 ** (-torch.arange(0, width, 2) / width))
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())
        self.register_buffer("mask", torch.full((of.length, of.length), float("-inf")).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, length, hidden) f32."""
        normed = self.norm1(x)
        query = self._turned(split_heads(self.query(normed), self.of.heads))
        key = self._turned(split_heads(self.key(normed), self.of.key_heads))
        value = split_heads(self.value(normed), self.of.key_heads)
        times = self.of.heads // self.of.key_heads
        key, value = (each.repeat_interleave(times, 1) for each in (key, value))
        x = x + self.output(attend(query, key, value, self.mask))
        normed = self.norm2(x)
        return x + self.down(functional.silu(self.gate(normed)) * self.up(normed))

    def _turned(self, x: Tensor) -> Tensor:
        """The rotary embedding of (batch, heads, length, width)."""
        low, high = x.chunk(2, -1)
        return x * self.cosine + torch.cat([-high, low], -1) * self.sine


@dataclass(frozen=True)
class Swin:
    """A pair of Swin's blocks: channels, heads, height and width of the image of tokens and of a window."""

    hidden: int = 96
    heads: int = 3
    image: int = 56
    window: int = 7


class SwinBlock(nn.Module):
    """Attention within windows, which may be shifted, then two products with a GELU between."""

    def __init__(self, of: Swin, shift: int) -> None:
        super().__init__()
        self.of, self.shift, size = of, shift, of.window
        self.norm1, self.norm2 = nn.LayerNorm(of.hidden), nn.LayerNorm(of.hidden)
        self.inputs, self.output = nn.Linear(of.hidden, 3 * of.hidden), nn.Linear(of.hidden, of.hidden)
        self.wide, self.narrow = nn.Linear(of.hidden, 4 * of.hidden), nn.Linear(4 * of.hidden, of.hidden)
        self.biases = nn.Parameter(torch.randn((2 * size - 1) ** 2, of.heads) * 0.02)
        places = torch.cartesian_prod(torch.arange(size), torch.arange(size))
        apart = places[:, None] - places[None] + size - 1
        self.register_buffer("apart", apart[..., 0] * (2 * size - 1) + apart[..., 1])
        self.register_buffer("mask", self._mask())

    def _mask(self) -> Tensor:
        """(windows, 1, tokens, tokens): what was far apart before the shift doesn't see each other."""
        image, size = self.of.image, self.of.window
        edge = torch.arange(image)
        part = (edge >= image - size).long() + (edge >= image - self.shift).long() if self.shift else edge * 0
        parts = self._cut((part[:, None] * 3 + part)[None, :, :, None]).squeeze(-1)
        return torch.where(parts[:, None] == parts[:, :, None], 0.0, -100.0)[:, None]

    def _cut(self, x: Tensor) -> Tensor:
        """(batch, height, width, channels) as (windows, tokens, channels)."""
        batch, height, width, channels = x.shape
        size = self.of.window
        x = x.reshape(batch, height // size, size, width // size, size, channels)
        return x.transpose(2, 3).reshape(-1, size * size, channels)

    def _joined(self, x: Tensor, batch: int) -> Tensor:
        size, image = self.of.window, self.of.image
        x = x.reshape(batch, image // size, image // size, size, size, -1)
        return x.transpose(2, 3).reshape(batch, image, image, -1)

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, height, width, channels) f32."""
        batch = x.shape[0]
        moved = torch.roll(self.norm1(x), (-self.shift, -self.shift), (1, 2))
        parts = self.inputs(self._cut(moved)).chunk(3, -1)
        query, key, value = (split_heads(part, self.of.heads) for part in parts)
        made = self.output(attend(query, key, value, self._bias(batch)))
        x = x + torch.roll(self._joined(made, batch), (self.shift, self.shift), (1, 2))
        return x + self.narrow(functional.gelu(self.wide(self.norm2(x))))

    def _bias(self, batch: int) -> Tensor:
        """(windows, heads, tokens, tokens)."""
        near = self.biases[self.apart].permute(2, 0, 1)
        return near + self.mask.repeat(batch, 1, 1, 1)


def swin_pair(of: Swin) -> nn.Module:
    """A block, and one with windows shifted by half their size."""
    return nn.Sequential(SwinBlock(of, 0), SwinBlock(of, of.window // 2))
