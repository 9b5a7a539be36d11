"""Networks of convolutions: SAR-DRN, ShuffleNet v2, RedNet with involution, EfficientNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvNorm(nn.Sequential):
    """A convolution that keeps the size but for its stride, batch norm, and an activation if there is one."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: nn.Module | None = None,
    ) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), *([] if activation is None else [activation]))


# -- SAR-DRN ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drn:
    """A network that takes speckle off radar images: channels, the dilation of each layer, height and width."""

    channels: int = 64
    dilations: tuple[int, ...] = (1, 2, 3, 4, 3, 2, 1)
    image: int = 512


class SarDrn(nn.Module):
    """Dilated convolutions, two of them with what an earlier layer gave; the result is what to subtract."""

    SKIPS = {2: 0, 6: 3}  # noqa: RUF012  a layer, and the one whose result is added to its input

    def __init__(self, of: Drn) -> None:
        super().__init__()
        last = len(of.dilations) - 1
        self.layers = nn.ModuleList(
            nn.Conv2d(of.channels if at else 1, of.channels if at < last else 1, 3, padding=step, dilation=step)
            for at, step in enumerate(of.dilations)
        )

    def forward(self, images: Tensor) -> Tensor:
        """`images`: (batch, 1, height, width) f32."""
        made: list[Tensor] = []
        x = images
        for at, layer in enumerate(self.layers):
            if at in self.SKIPS:
                x = x + made[self.SKIPS[at]]
            x = layer(x)
            if at < len(self.layers) - 1:
                x = functional.relu(x)
            made.append(x)
        return images - x


# -- ShuffleNet v2 ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shuffle:
    """Channels of the stem, the stages and the end; blocks per stage; height and width of images; classes."""

    stem: int = 24
    channels: tuple[int, ...] = (116, 232, 464)
    repeats: tuple[int, ...] = (4, 8, 4)
    end: int = 1024
    image: int = 224
    classes: int = 1000


class ShuffleUnit(nn.Module):
    """Half of the channels, or all where it strides, through three convolutions; then the halves are shuffled."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, half = stride, outputs // 2
        given = inputs if stride > 1 else inputs // 2
        self.main = nn.Sequential(
            ConvNorm(given, half, activation=nn.ReLU()),
            ConvNorm(half, half, 3, stride, groups=half),
            ConvNorm(half, half, activation=nn.ReLU()),
        )
        self.beside = (
            nn.Sequential(
                ConvNorm(inputs, inputs, 3, stride, groups=inputs), ConvNorm(inputs, half, activation=nn.ReLU())
            )
            if stride > 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, channels, height, width) f32."""
        if self.beside is None:
            kept, given = x.chunk(2, 1)
        else:
            kept, given = self.beside(x), x
        return functional.channel_shuffle(torch.cat([kept, self.main(given)], 1), 2)


class ShuffleNet(nn.Module):
    """Images in, logits out."""

    def __init__(self, of: Shuffle) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvNorm(3, of.stem, 3, 2, activation=nn.ReLU()), nn.MaxPool2d(3, 2, 1))
        units: list[nn.Module] = []
        inputs = of.stem
        for outputs, count in zip(of.channels, of.repeats, strict=True):
            units += [ShuffleUnit(outputs if at else inputs, outputs, 1 if at else 2) for at in range(count)]
            inputs = outputs
        self.units, self.end = nn.Sequential(*units), ConvNorm(inputs, of.end, activation=nn.ReLU())
        self.classify = nn.Linear(of.end, of.classes)

    def forward(self, images: Tensor) -> Tensor:
        """`images`: (batch, 3, height, width) f32."""
        return self.classify(self.end(self.units(self.stem(images))).mean((2, 3)))


# -- RedNet ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Red:
    """Blocks per stage, channels between a block's first and last convolution, image, classes."""

    repeats: tuple[int, ...] = (3, 4, 6, 3)
    channels: tuple[int, ...] = (64, 128, 256, 512)
    stem: int = 64
    image: int = 224
    classes: int = 1000


class Involution(nn.Module):
    """Each place has a kernel of its own, computed from its channels, which a group of channels shares."""

    REDUCED, GROUP = 4, 16

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, channels // self.GROUP
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.reduce = ConvNorm(channels, channels // self.REDUCED, activation=nn.ReLU())
        self.span = nn.Conv2d(channels // self.REDUCED, kernel * kernel * self.groups, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, channels, height, width) f32."""
        weights = self.span(self.reduce(self.pool(x)))
        batch, _, height, width = weights.shape
        weights = weights.view(batch, self.groups, 1, self.kernel**2, height, width)
        taps = functional.unfold(x, self.kernel, padding=self.kernel // 2, stride=self.stride)
        taps = taps.view(batch, self.groups, self.GROUP, self.kernel**2, height, width)
        return (weights * taps).sum(3).flatten(1, 2)


class RedUnit(nn.Module):
    """A bottleneck around an involution."""

    WIDER = 4
    GAIN = 0.1  # Of what is added, to begin with: involutions multiply, and errors would grow from unit to unit.

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = inner * self.WIDER
        self.first = ConvNorm(inputs, inner, activation=nn.ReLU())
        self.involution = nn.Sequential(Involution(inner, 7, stride), nn.BatchNorm2d(inner), nn.ReLU())
        self.last = ConvNorm(inner, outputs)
        nn.init.constant_(self.last[1].weight, self.GAIN)
        is_same = stride == 1 and inputs == outputs
        self.beside = nn.Identity() if is_same else ConvNorm(inputs, outputs, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, channels, height, width) f32."""
        return functional.relu(self.last(self.involution(self.first(x))) + self.beside(x))


class RedNet(nn.Module):
    """Images in, logits out."""

    def __init__(self, of: Red) -> None:
        super().__init__()
        half = of.stem // 2
        self.stem = nn.Sequential(
            ConvNorm(3, half, 3, 2, activation=nn.ReLU()),
            Involution(half, 3, 1),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            ConvNorm(half, of.stem, 3, activation=nn.ReLU()),
            nn.MaxPool2d(3, 2, 1),
        )
        units: list[nn.Module] = []
        inputs = of.stem
        for stage, (inner, count) in enumerate(zip(of.channels, of.repeats, strict=True)):
            for at in range(count):
                units.append(RedUnit(inputs, inner, 2 if stage and not at else 1))
                inputs = inner * RedUnit.WIDER
        self.units, self.classify = nn.Sequential(*units), nn.Linear(inputs, of.classes)

    def forward(self, images: Tensor) -> Tensor:
        """`images`: (batch, 3, height, width) f32."""
        return self.classify(self.units(self.stem(images)).mean((2, 3)))


# -- EfficientNet ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """Units of one kind: how much wider they are inside, their channels, how many, stride of the first, kernel."""

    wider: int
    channels: int
    count: int
    stride: int
    kernel: int


@dataclass(frozen=True)
class Efficient:
    """Channels of the stem, the stages, channels of the end, image, classes."""

    stem: int = 32
    stages: Sequence[Stage] = (
        Stage(1, 16, 1, 1, 3),
        Stage(6, 24, 2, 2, 3),
        Stage(6, 40, 2, 2, 5),
        Stage(6, 80, 3, 2, 3),
        Stage(6, 112, 3, 1, 5),
        Stage(6, 192, 4, 2, 5),
        Stage(6, 320, 1, 1, 3),
    )
    end: int = 1280
    image: int = 224
    classes: int = 1000


class Gate(nn.Module):
    """Scales each channel by what the averages of all say."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.reduce, self.widen = nn.Conv2d(channels, reduced, 1), nn.Conv2d(reduced, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, channels, height, width) f32."""
        return x * torch.sigmoid(self.widen(functional.silu(self.reduce(x.mean((2, 3), keepdim=True)))))


class EfficientUnit(nn.Module):
    """Wider, each channel by itself, gated, narrow again; added to its input where that has the same shape."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.wider
        parts: list[nn.Module] = [] if stage.wider == 1 else [ConvNorm(inputs, inner, activation=nn.SiLU())]
        parts += [ConvNorm(inner, inner, stage.kernel, stride, groups=inner, activation=nn.SiLU())]
        parts += [Gate(inner, max(1, inputs // 4)), ConvNorm(inner, stage.channels)]
        self.parts, self.is_added = nn.Sequential(*parts), stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, channels, height, width) f32."""
        return x + self.parts(x) if self.is_added else self.parts(x)


class EfficientNet(nn.Module):
    """Images in, logits out."""

    def __init__(self, of: Efficient) -> None:
        super().__init__()
        parts: list[nn.Module] = [ConvNorm(3, of.stem, 3, 2, activation=nn.SiLU())]
        inputs = of.stem
        for stage in of.stages:
            for at in range(stage.count):
                parts.append(EfficientUnit(inputs, stage, 1 if at else stage.stride))
                inputs = stage.channels
        self.parts, self.end = nn.Sequential(*parts), ConvNorm(inputs, of.end, activation=nn.SiLU())
        self.classify = nn.Linear(of.end, of.classes)

    def forward(self, images: Tensor) -> Tensor:
        """`images`: (batch, 3, height, width) f32."""
        return self.classify(self.end(self.parts(images)).mean((2, 3)))
