"""Whole models, randomly initialised: what is compiled, tested and measured end to end.

`MODELS` has each by name, in its own size and a tiny one; `make` gives the module, `make_inputs` arguments for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.blocks import Llama, LlamaBlock, Swin, swin_pair
from models.convolutions import (
    Drn,
    Efficient,
    EfficientNet,
    Red,
    RedNet,
    SarDrn,
    Shuffle,
    ShuffleNet,
    Stage,
)
from models.transformers import Bert, Gpt2Step, Transformer, Vit

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Model:
    """A model.

    Attributes:
        title: What it is, in words.
        build: Makes the module of a configuration.
        full: The configuration that has its name.
        tiny: One of the same structure that takes no time.
        inputs: Arguments, of a configuration and a number of sequences or images.
    """

    title: str
    build: Callable[[Any], nn.Module]
    full: Any
    tiny: Any
    inputs: Callable[[Any, int], Inputs]

    def make(self, *, tiny: bool = False) -> nn.Module:
        """The module, for inference; the same weights each time."""
        torch.manual_seed(0)
        module = self.build(self.tiny if tiny else self.full)
        return _settled(module, self.make_inputs(tiny=tiny)).eval()

    def make_inputs(self, batch: int = 1, *, tiny: bool = False, seed: int = 1) -> Inputs:
        """Arguments; the same each time for a seed."""
        torch.manual_seed(seed)
        return self.inputs(self.tiny if tiny else self.full, batch)


def _settled(module: nn.Module, inputs: Inputs) -> nn.Module:
    """Batch norms that have seen some inputs; else magnitudes fade or grow from layer to layer."""
    norms = [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)]
    if not norms:
        return module
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(*inputs)
    for norm in norms:
        norm.momentum = 0.1
    return module


def _text(of: Transformer, batch: int) -> Inputs:
    """Tokens, and a mask that leaves out the last quarter."""
    mask = torch.ones(batch, of.length, dtype=torch.int64)
    mask[:, of.length * 3 // 4 :] = 0
    return torch.randint(of.vocabulary, (batch, of.length)), mask


def _step(of: Transformer, batch: int) -> Inputs:
    kept = torch.randn(of.layers, 2, batch, of.heads, of.length, of.hidden // of.heads)
    return torch.randint(of.vocabulary, (batch, 1)), kept


def _images(of: Any, batch: int) -> Inputs:
    return (torch.randn(batch, 3, of.image, of.image),)


TINY = Transformer(2, 32, 2, 64, 16, 100, 16, 4, 10)
MODELS = {
    "bert_base": Model("BERT-base, 512 tokens", Bert, Transformer(classes=2), TINY, _text),
    "vit": Model("ViT of BERT's size, 64 tokens", Vit, Transformer(), TINY, _images),
    "gpt2_decode": Model(
        "a step of GPT-2 behind 64 tokens", Gpt2Step, Transformer(length=64, vocabulary=50257), TINY, _step
    ),
    "sar_drn": Model(
        "SAR-DRN, 512x512",
        SarDrn,
        Drn(),
        Drn(8, image=24),
        lambda of, batch: (torch.randn(batch, 1, of.image, of.image),),
    ),
    "shufflenet_v2": Model(
        "ShuffleNet v2 x1.0, 224x224", ShuffleNet, Shuffle(), Shuffle(8, (16,), (2,), 32, 32, 10), _images
    ),
    "rednet50": Model("RedNet-50, 224x224", RedNet, Red(), Red((1, 1), (16, 32), 32, 16, 10), _images),
    "efficientnet_b0": Model(
        "EfficientNet-B0, 224x224",
        EfficientNet,
        Efficient(),
        Efficient(8, (Stage(1, 8, 1, 1, 3), Stage(4, 12, 2, 2, 5)), 32, 32, 10),
        _images,
    ),
    "llama_block": Model(
        "a block of a Llama of 1.1 billion weights, 128 tokens",
        LlamaBlock,
        Llama(),
        Llama(32, 4, 2, 48, 12),
        lambda of, batch: (torch.randn(batch, of.length, of.hidden),),
    ),
    "swin_block": Model(
        "two blocks of Swin-T's first stage",
        swin_pair,
        Swin(),
        Swin(24, 3, 12, 4),
        lambda of, batch: (torch.randn(batch, of.image, of.image, of.hidden),),
    ),
}
"""By name."""
