"""Artifacts that are cut off, changed, or made by someone else: an error says what is wrong before code is run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_tools import MIXED, drop, members_of, pack, put, reseal

import powerfusion as pf
from powerfusion.errors import ArtifactError
from powerfusion.runtime import artifact, manifest, processor
from powerfusion.runtime.c_function import Code
from powerfusion.runtime.manifest import HOST_CODE, MANIFEST, Member

FIRST = "constants/0.npy"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact with code and three constants."""
    path = tmp_path_factory.mktemp("saved") / "m.pfx"
    pf.compile(MIXED).save(path)
    return path


@pytest.fixture
def members(saved: Path) -> dict[str, bytes]:
    """What is in it."""
    return members_of(saved)


@pytest.fixture
def no_code(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Collects the code that would be mapped, in place of mapping it."""
    mapped: list[bytes] = []

    def record(code: bytes, _: object) -> Code:
        mapped.append(code)
        return Code(1, 1, 1, None)

    monkeypatch.setattr(artifact, "load_library", record)
    return mapped


def refused(path: Path, match: str) -> None:
    """Loading says this, after the artifact's name."""
    with pytest.raises(ArtifactError, match=match) as caught:
        pf.load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_every_cut(saved: Path, tmp_path: Path, no_code: list[bytes]) -> None:
    """A file that lacks its end, however much of it, is refused."""
    whole = saved.read_bytes()
    for size in sorted({*range(0, len(whole), 37), *range(len(whole) - 64, len(whole))}):
        (tmp_path / "cut.pfx").write_bytes(whole[:size])
        refused(tmp_path / "cut.pfx", "it is no artifact, or is cut off")
    assert not no_code


def test_every_flip_in_the_file(saved: Path, tmp_path: Path, no_code: list[bytes]) -> None:
    """A changed byte is found, unless it is one of the archive's that mean nothing: then all else is as it was."""
    whole, code = saved.read_bytes(), members_of(saved)[HOST_CODE]
    path = tmp_path / "flipped.pfx"
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            program = pf.load(path)
        except ArtifactError:
            continue
        assert no_code.pop() == code
        assert program.signature == pf.load(saved).signature
        no_code.clear()


@pytest.mark.parametrize("name", [HOST_CODE, FIRST, "constants/2.npy"])
def test_flips_under_a_right_checksum(
    tmp_path: Path, members: dict[str, bytes], no_code: list[bytes], name: str
) -> None:
    """The archive's own checksum is no defence: each member has its hash in the manifest."""
    data = members[name]
    for place in range(0, len(data), max(len(data) // 64, 1)):
        changed = data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]
        refused(pack(tmp_path / "m.pfx", {**members, name: changed}), f"{name} was changed after it was saved")
    refused(pack(tmp_path / "m.pfx", {**members, name: data + b"x"}), f"{name} has {len(data) + 1} bytes, more than")
    refused(pack(tmp_path / "m.pfx", {**members, name: data[:-1]}), f"expected {name} of {len(data)} bytes, got")
    assert not no_code


def test_flips_in_the_manifest_under_a_right_checksum(
    tmp_path: Path, members: dict[str, bytes], no_code: list[bytes]
) -> None:
    """A changed byte of the manifest is no JSON, breaks its schema, or doesn't fit its digest."""
    data = members[MANIFEST]
    for place in range(0, len(data), 3):
        if data[place : place + 1].isspace():
            continue
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        refused(pack(tmp_path / "m.pfx", {**members, MANIFEST: changed}), "manifest|schema|artifact")
    assert not no_code


EDITS: tuple[tuple[Callable[[dict[str, Any]], object], str], ...] = (
    (put("schema", 1), "expected an artifact of schema version 3, got 1\nhelp: load it with .* PowerFusion 0.1.0"),
    (put("schema", True), "expected 'schema' to be an integer, got true or false"),
    (put("schema", "1"), "expected 'schema' to be an integer, got a string"),
    (drop("schema"), "the key 'schema' is missing"),
    (drop("digest"), "its digest doesn't match"),
    (put("author", "me"), "there is no key 'author'"),
    (put("target", "cuda:sm_90"), "expected 'target' to be cpu, got 'cuda:sm_90'"),
    (put("needs", ["libevil"]), r"expected 'needs\[0\]' to be libomp, got 'libevil'"),
    (put("needs", "libomp"), "expected 'needs' to be a list, got a string"),
    (put("assertions", [1]), r"expected 'assertions\[0\]' to be a string, got an integer"),
    (put("report", 3), "expected 'report' to be an object, got an integer"),
    (put("host.system", "plan9"), "the artifact is for plan9 on "),
    (put("host.machine", "pdp11"), "the artifact is for linux on pdp11, this is linux on "),
    (put("host.features", ["avx9000"]), "needs a processor with avx9000, which this one hasn't\nhelp: compile"),
    (drop("host.features"), "the key 'host.features' is missing"),
    (put("host", None), "expected 'target' and 'host' both or neither"),
    (put("hidden", [7]), "'hidden' names constant 7, which isn't there"),
    (put("signature.arguments.0.dtype", "f128"), r"expected 'signature.arguments\[0\].dtype' to be one of f64, "),
    (put("signature.arguments.0.shape", [-1]), r"'signature.arguments\[0\].shape' has a size that is out of range"),
    (put("signature.arguments.0.shape", [2**63]), "out of range"),
    (
        put("signature.arguments.0.shape", [1.5]),
        r"'signature.arguments\[0\].shape\[0\]' to be an integer, got a number",
    ),
    (put("signature.results.1.shape", [1] * 65), r"'signature.results\[1\].shape' of at most 64 sizes, got 65"),
    (put("signature.arguments.0.scalar", True), r"'signature.arguments\[0\]' is a number and has a shape"),
    (put("signature.arguments.0.dim", 3), r"there is no key 'signature.arguments\[0\].dim'"),
    (put("constants.0.dtype", "f16"), "expected constants/0.npy to hold float16 of shape .4,., got float32"),
    (put("constants.0.shape", [2, 2]), r"expected constants/0.npy to hold float32 of shape \(2, 2\), got float32"),
    (put("constants", []), "'hidden' names constant 0, which isn't there"),
    (drop("members.constants/1,npy"), "'members' lacks constants/1.npy"),
    (drop("members.code/host,so"), "'members' lacks code/host.so"),
    (put("members.code/host,so.size_bytes", -1), "'members.code/host.so.size_bytes' is out of range"),
    (put("members.code/host,so.size_bytes", 1), "code/host.so has .* bytes, more than 1"),
    (put("members.code/host,so.size_bytes", 2**62), "expected code/host.so of 4611686018427387904 bytes, got"),
    (put("members.code/host,so.sha256", "0" * 64), "code/host.so was changed after it was saved"),
    (put("members.x", {"size_bytes": 0, "sha256": ""}), "'members' has x, which nothing uses"),
)


@pytest.mark.parametrize(("edit", "says"), EDITS, ids=[says[:40] for _, says in EDITS])
def test_edited_manifest(
    tmp_path: Path,
    members: dict[str, bytes],
    no_code: list[bytes],
    edit: Callable[[dict[str, Any]], object],
    says: str,
) -> None:
    """An edit whose digest was made right again is found by what it says."""
    refused(reseal(tmp_path / "m.pfx", members, edit), says)
    assert not no_code


def test_edit_without_a_new_digest(tmp_path: Path, members: dict[str, bytes]) -> None:
    """A plausible edit by hand is found by the digest: sizes of arrays decide what the code reads."""
    data = json.loads(members[MANIFEST])
    data["signature"]["arguments"][0]["shape"] = [2]
    changed = {**members, MANIFEST: json.dumps(data).encode()}
    refused(pack(tmp_path / "m.pfx", changed), "the manifest was changed after it was saved")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the manifest isn't JSON"),
        (b"\xff\xfe{}", "the manifest isn't JSON"),
        (b"[]", "expected the manifest to be an object, got a list"),
        (b'{"schema": NaN}', "NaN is no number"),
        (b'{"schema": 1, "schema": 1}', "key 'schema' stands twice"),
        (b"[" * 100_000, "the manifest isn't JSON"),
        (b'{"schema": ' + b"9" * 10_000 + b"}", "the manifest isn't JSON"),
        (b'{"schema": 99}', "got 99\nhelp: load it with the version that saved it$"),
    ],
    ids=["empty", "bytes", "list", "nan", "twice", "deep", "digits", "newer"],
)
def test_manifest_that_is_none(tmp_path: Path, members: dict[str, bytes], text: bytes, says: str) -> None:
    """What isn't a JSON object is refused as such."""
    refused(pack(tmp_path / "m.pfx", {**members, MANIFEST: text}), says)


# The archive.


@pytest.mark.parametrize("name", [MANIFEST, HOST_CODE, FIRST])
def test_missing_member(tmp_path: Path, members: dict[str, bytes], name: str) -> None:
    """Each member is needed."""
    del members[name]
    refused(pack(tmp_path / "m.pfx", members), f"the archive has no {name}")


@pytest.mark.parametrize("name", ["/etc/passwd", "../m", "constants/../../m", "a\\..\\b", "code/host.so\0.npy"])
def test_member_that_leads_out(tmp_path: Path, members: dict[str, bytes], name: str) -> None:
    """A name that is no plain path inside the archive is refused, though nothing is ever unpacked by its name."""
    path = tmp_path / "m.pfx"
    with zipfile.ZipFile(path, "w") as made:
        for at, (own, data) in enumerate({**members, name: b""}.items()):
            info = zipfile.ZipInfo(own)
            info.filename = own if at < len(members) else name
            made.writestr(info, data)
    refused(path, "which leads out of it")


def test_member_that_nothing_knows(tmp_path: Path, members: dict[str, bytes]) -> None:
    """Nothing rides along."""
    refused(pack(tmp_path / "m.pfx", {**members, "extra": b""}), "the archive has extra, which the manifest doesn't")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice(tmp_path: Path, members: dict[str, bytes]) -> None:
    """Two members of a name are two truths."""
    path = pack(tmp_path / "m.pfx", members)
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(HOST_CODE, b"other")
    refused(path, "two members of the same name")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bomb(tmp_path: Path, members: dict[str, bytes], method: int) -> None:
    """A member that grows when it is read is refused before it is."""
    path = tmp_path / "m.pfx"
    with zipfile.ZipFile(path, "w", method) as made:
        for name, data in {**members, FIRST: bytes(1 << 24)}.items():
            made.writestr(name, data)
    refused(path, "is compressed; members of an artifact are stored")


def test_members_that_overlap(tmp_path: Path, members: dict[str, bytes]) -> None:
    """A directory that names the same bytes again and again can't claim more than the file has."""
    path = pack(tmp_path / "m.pfx", members)
    with zipfile.ZipFile(path, "a") as made:
        code = made.getinfo(HOST_CODE)
        for at in range(100):
            again = zipfile.ZipInfo(f"constants/{at + 3}.npy")
            for field in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(again, field, getattr(code, field))
            made.filelist.append(again)
        made._didModify = True
    refused(path, "the archive's members claim more than its")


def test_encrypted_member(tmp_path: Path, saved: Path) -> None:
    """A password is never asked for."""
    data = bytearray(saved.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "m.pfx").write_bytes(data)
    refused(tmp_path / "m.pfx", "manifest.json is encrypted")


def test_manifest_too_large(tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest's size is bounded before it is read."""
    monkeypatch.setattr(artifact, "MANIFEST_LIMIT_BYTES", 100)
    refused(pack(tmp_path / "m.pfx", members), "manifest.json has .* bytes, more than 100")


def test_what_is_no_artifact(tmp_path: Path) -> None:
    """A text, a folder, a pipe, nothing at all."""
    (tmp_path / "m.pfx").write_text("module {}")
    refused(tmp_path / "m.pfx", "it is no artifact, or is cut off")
    refused(tmp_path, "it is a folder")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "it is a device or a pipe")
    refused(tmp_path / "absent.pfx", "it can't be read: no such file or directory")


# Members that are not what they should be, under right hashes.


def npy(array: np.ndarray[Any, Any], **options: Any) -> bytes:
    """A .npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is no .npy file"),
        (b"PK\3\4 and so on", "is no .npy file"),
        (pickle.dumps([1.0] * 4), "is no .npy file"),
        (
            npy(np.array([{}] * 4, object), allow_pickle=True),
            r"expected constants/0.npy to hold float32 .*, got object",
        ),
        (npy(np.zeros(4, ">f4")), "got >f4"),
        (npy(np.asfortranarray(np.zeros((4, 2), np.float32))), "in Fortran's order"),
        (npy(np.zeros(4, np.float32), version=(2, 0)), "expected version 1.0, got 2.0"),
        (npy(np.zeros(4, np.float32))[:-1], "expected constants/0.npy to hold 4 elements of float32"),
        (npy(np.zeros(4, np.float32)) + b"x", "expected constants/0.npy to hold 4 elements of float32"),
        (npy(np.zeros(4, np.float32)).replace(b"(4,)", b"(8,)"), r"got float32 of shape \(8,\)"),
        (npy(np.zeros(4, np.float32)).replace(b"'shape'", b"'sharp'"), "is no .npy file"),
        (b"\x93NUMPY\1\0\x10\x27" + b"(" * 10_000, "is no .npy file"),
    ],
    ids=["empty", "zip", "pickle", "objects", "big-endian", "fortran", "v2", "short", "long", "shape", "keys", "deep"],
)
def test_constant_that_is_none(
    tmp_path: Path, members: dict[str, bytes], no_code: list[bytes], data: bytes, says: str
) -> None:
    """A constant is a plain .npy file of just the type and shape of the manifest, and never a pickle."""
    refused(reseal(tmp_path / "m.pfx", {**members, FIRST: data}), says)
    assert not no_code


def test_code_that_is_none(tmp_path: Path, members: dict[str, bytes]) -> None:
    """Something else in the library's place."""
    for data in (b"", b"no library", b"\x7fELF and so on", members[HOST_CODE][:32]):
        refused(reseal(tmp_path / "m.pfx", {**members, HOST_CODE: data}), "the program's code can't be loaded: host.so")


def test_code_without_an_entry(tmp_path: Path, members: dict[str, bytes]) -> None:
    """A library that exports something else."""
    changed = members[HOST_CODE].replace(b"pf_main", b"pf_mean")
    refused(reseal(tmp_path / "m.pfx", {**members, HOST_CODE: changed}), "has no entry")


def test_other_processor(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an older processor is told what it lacks."""
    lost = processor.features()[0]
    monkeypatch.setattr(processor, "features", lambda: processor.COUNTED["aarch64"])
    refused(saved, f"needs a processor with .*{lost}")


def test_digest_covers_every_key(members: dict[str, bytes]) -> None:
    """The digest is of all the rest, so that a manifest can be checked by hand."""
    data = json.loads(members[MANIFEST])
    rest = {key: value for key, value in data.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == data["digest"] == manifest.digest_of(data)
    assert Member(**data["members"][HOST_CODE]).size_bytes == len(members[HOST_CODE])
