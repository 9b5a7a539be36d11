"""A compiled program as bytes, and back.

    | length | JSON: signature, constants, phases, ... | object code | constant 0 | ... | snapshots, compressed |

What a call needs is read at once and used where it lies; snapshots are unpacked when one is looked at.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from powerfusion.cache.files import Chunks
from powerfusion.compiled import HostProgram, Snapshot
from powerfusion.report import Remark
from powerfusion.runtime.schema import read
from powerfusion.runtime.signature import BITS, DTYPES, Array, ArraySpec, Signature

_LENGTH = struct.Struct("<Q")
ALIGNMENT = 64
LARGEST_SNAPSHOTS_BYTES = 32 << 20
"""Of programs with more, the snapshots are left out: they are mostly the same weights again and again."""


@dataclass(frozen=True)
class Head:
    """The JSON of an entry.

    Attributes:
        places: Digest of the program with its locations.
        signature: What callers pass and get.
        assertions: Messages of the program's assertions.
        constants: Types and shapes.
        phases: Names of the snapshots.
        sizes: Bytes of the sections: object code, each constant, snapshots; no snapshots have none.
    """

    places: str
    signature: Signature
    assertions: tuple[str, ...]
    constants: tuple[ArraySpec, ...]
    phases: tuple[str, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Stored:
    """A compiled program of the cache.

    Attributes:
        head: What is known of it.
        program: What a call needs.
        packed: The snapshots; empty where they were left out.
    """

    head: Head
    program: HostProgram
    packed: memoryview

    def snapshots(self) -> dict[str, Snapshot]:
        """The snapshots by phase."""
        data = memoryview(zlib.decompress(self.packed))
        infos, at = _parsed(data)
        found = dict[str, Snapshot]()
        for info in infos:
            remarks = tuple(Remark(phase, where, said, tuple(notes)) for phase, where, said, notes in info["remarks"])
            body = bytes(data[at : at + info["size_bytes"]])
            found[info["phase"]] = Snapshot(info["phase"], body, info["statistics"], remarks)
            at += info["size_bytes"]
        return found


def encode(places: str, signature: Signature, program: HostProgram, snapshots: Mapping[str, Snapshot]) -> Chunks:
    """A compiled program as bytes, in pieces."""
    packed = _packed(list(snapshots.values()))
    sections: list[bytes | memoryview] = [program.object, *map(_elements, program.constants), packed]
    head = Head(
        places,
        signature,
        tuple(program.assertions),
        tuple(ArraySpec(_name_of(array), array.shape) for array in program.constants),
        tuple(snapshots),
        tuple(len(section) for section in sections),
    )
    text = _text(asdict(head))
    chunks: list[bytes | memoryview] = [text]
    at = len(text)
    for section in sections:
        padding = -at % ALIGNMENT
        chunks += [bytes(padding), section]
        at += padding + len(section)
    return chunks


def decode(data: memoryview) -> Stored:
    """The reverse of `encode`, of bytes that were verified."""
    parsed, at = _parsed(data)
    head: Head = read(Head, parsed, "")
    sections = list[memoryview]()
    for size in head.sizes:
        at += -at % ALIGNMENT
        sections.append(data[at : at + size])
        at += size
    code, *constants, packed = sections
    arrays = [_array(section, spec) for section, spec in zip(constants, head.constants, strict=True)]
    return Stored(head, HostProgram(bytes(code), arrays, head.assertions), packed)


def _text(value: Any) -> bytes:
    """A value as JSON, behind its length."""
    text = json.dumps(value).encode()
    return _LENGTH.pack(len(text)) + text


def _parsed(data: memoryview) -> tuple[Any, int]:
    """The value of the JSON at the beginning, and where it ends."""
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    return json.loads(bytes(data[_LENGTH.size : end])), end


def _packed(snapshots: Sequence[Snapshot]) -> bytes:
    """Snapshots as compressed bytes; none at all where there are too many."""
    if sum(len(snapshot.bytecode) for snapshot in snapshots) > LARGEST_SNAPSHOTS_BYTES:
        return b""
    text = _text([_info(snapshot) for snapshot in snapshots])
    return zlib.compress(b"".join([text, *(snapshot.bytecode for snapshot in snapshots)]), level=1)


def _info(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "phase": snapshot.phase,
        "size_bytes": len(snapshot.bytecode),
        "statistics": snapshot.statistics,
        "remarks": [(r.phase, r.location, r.message, r.notes) for r in snapshot.remarks],
    }


def _name_of(array: Array) -> str:
    return next(name for name, dtype in DTYPES.items() if dtype == array.dtype)


def _elements(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _array(data: memoryview, spec: ArraySpec) -> Array:
    """Elements where they lie, as an array."""
    shape = tuple(size or 0 for size in spec.shape)
    dtype = BITS.get(spec.dtype, DTYPES[spec.dtype])
    return np.frombuffer(data, dtype, math.prod(shape)).view(DTYPES[spec.dtype]).reshape(shape)
