"""What values are while a program is interpreted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powerfusion.errors import UnspecifiedUse
from powerfusion.reference.types import Array


@dataclass(frozen=True, eq=False)
class Store:
    """Where the elements of a value that was moved to dram are in a tensor made of it by views.

    Attributes:
        key: Which execution of which movement.
        places: For each element of the moved value its position in this tensor, -1 where it isn't there.
    """

    key: int
    places: Array


@dataclass(frozen=True, eq=False)
class Tile:
    """A tensor or a number.

    Attributes:
        data: The elements.
        real: Which elements a program may depend on, None if on all: False past an edge, or where nothing was written.
        addresses: Where each element is, in bytes; of tensors at dram and sram.
        stores: Of tensors at dram, the movements that brought their elements there.
    """

    data: Array
    real: Array | None = None
    addresses: Array | None = None
    stores: tuple[Store, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.data.shape

    def view(self, rename: Callable[[Array], Array]) -> Tile:
        """The tile whose elements are some of these, renamed: data, addresses and all go the same way."""
        return Tile(
            data=rename(self.data),
            real=None if self.real is None else rename(self.real),
            addresses=None if self.addresses is None else rename(self.addresses),
            stores=self._renamed_stores(rename),
        )

    def elsewhere(self) -> Tile:
        """The same elements without addresses, as at reg."""
        return Tile(self.data, self.real)

    def _renamed_stores(self, rename: Callable[[Array], Array]) -> tuple[Store, ...]:
        if not self.stores:
            return ()
        origins = rename(np.arange(self.data.size).reshape(self.data.shape)).ravel()
        copies = list(_copies(origins, self.data.size))
        moved = [
            Store(store.key, np.where(store.places < 0, -1, copy[store.places]))
            for store, copy in itertools.product(self.stores, copies)
        ]
        return tuple(store for store in moved if (store.places >= 0).any())


def _copies(origins: Array, size: int) -> list[Array]:
    """Inverts a view: for each old element its new position; again for those that are there several times."""
    order = np.argsort(origins, kind="stable")
    ordered = origins[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    found: list[Array] = []
    for copy in range(int(rank.max()) + 1 if len(rank) else 0):
        places = np.full(size, -1)
        chosen = rank == copy
        places[ordered[chosen]] = order[chosen]
        found.append(places)
    return found


def scalar(value: Any, dtype: Any = np.int64) -> Tile:
    """A number; by default an index."""
    return Tile(np.asarray(value, dtype))


def garbage(rng: np.random.Generator, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """Elements of which nothing is known: any bits, NaN among them."""
    size = int(np.prod(shape, dtype=np.int64))
    raw = np.frombuffer(rng.bytes(size * dtype.itemsize), np.uint8)
    if dtype == np.bool_:
        return (raw & 1).astype(np.bool_).reshape(tuple(shape))
    if dtype.kind in "iu":
        return raw.view(dtype).reshape(tuple(shape)).copy()
    filled = raw.view(dtype).copy()
    filled[rng.random(size) < 0.25] = np.nan
    return filled.reshape(tuple(shape))


def all_real(*tiles: Tile) -> Array | None:
    """Where every operand of an elementwise op is real."""
    masks = [tile.real for tile in tiles if tile.real is not None]
    if not masks:
        return None
    return masks[0] if len(masks) == 1 else np.logical_and.reduce(np.broadcast_arrays(*masks))


def normalized(tile: Tile) -> Tile:
    """The tile without its mask where that says nothing."""
    return replace(tile, real=None) if tile.real is not None and tile.real.all() else tile


def demand_real(real: Array | None, use: str) -> None:
    """Rejects a use of elements that may hold anything.

    Raises:
        UnspecifiedUse: One of them isn't real.
    """
    if real is None or real.all():
        return
    first = tuple(int(i) for i in np.argwhere(~real)[0])
    raise UnspecifiedUse(
        f"{use} element {list(first)} of its operand, which is unspecified; {int((~real).sum())} of {real.size} are",
        help="give the valid extents, or select something else where elements aren't valid",
    )
