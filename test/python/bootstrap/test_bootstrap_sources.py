"""Where the sources of MLIR's bindings come from, and what becomes of them."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from small_tree import settings_of

from _bootstrap import bindings, sources, stamps
from _bootstrap.console import BootstrapError, Stage

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Architectures: amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb deb-src
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://mirror.test/off
Suites: bookworm
Enabled: no

Types: deb
URIs: http://other.test/node
Suites: nodistro
Components: main
"""
ONE_LINE = """\
# deb http://mirror.test/commented bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://mirror.test/debian bookworm main contrib # why
deb-src http://mirror.test/sources bookworm main
deb http://other.test/tools cloud-bookworm main
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def test_deb822_entries_become_sources(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    stanzas = sources.parse_deb822(sources.source_entries(etc, "bookworm"))
    assert [stanza["Types"] for stanza in stanzas] == ["deb-src", "deb-src"]
    assert [stanza["Suites"] for stanza in stanzas] == ["bookworm bookworm-updates", "bookworm-security"]
    assert [stanza["URIs"] for stanza in stanzas] == ["http://mirror.test/debian", "http://mirror.test/security"]
    assert stanzas[0]["Signed-By"] == "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc"
    assert "Architectures" not in stanzas[0]


def test_one_line_entries_become_sources(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE)
    [stanza] = sources.parse_deb822(sources.source_entries(etc, "bookworm"))
    assert stanza == {
        "Types": "deb-src",
        "URIs": "http://mirror.test/debian",
        "Suites": "bookworm",
        "Components": "main contrib",
        "Signed-By": "/usr/share/keyrings/a.gpg",
    }


def test_another_suite_is_asked_of_the_main_archive_only(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    [stanza] = sources.parse_deb822(sources.source_entries(etc, "bookworm", suite="sid"))
    assert (stanza["Types"], stanza["Suites"]) == ("deb-src", "sid")
    assert stanza["URIs"] == "http://mirror.test/debian"


def test_no_entries_give_no_text(etc: Path) -> None:
    assert sources.source_entries(etc, "bookworm") == ""


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["1:22.1.8-1", "1:22.1.8-3", "1:22.1.9-1"], "1:22.1.8-3"),
        (["1:22.1.8-1~deb12u1"], "1:22.1.8-1~deb12u1"),
        (["1:22.1.7-1", "1:22.1.10-1", "1:22.2.0-1"], "1:22.1.10-1"),
        (["1:22.2.0-1", "1:21.1.8-1", "1:22.10.1-1"], None),
        ([], None),
    ],
)
def test_release_is_preferred_then_its_minor_version(offered: list[str], chosen: str | None) -> None:
    assert sources.choose_version(offered, "22.1.8") == chosen


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """An unpacked release with the two folders that matter, and one that doesn't."""
    for name in ("python/CMakeLists.txt", "lib/Bindings/Python/IR.cpp", "lib/IR/Big.cpp"):
        path = tmp_path / "llvm-22.1.8" / "mlir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path / "llvm-22.1.8"


@pytest.mark.parametrize("kind", ["folder", "parent", "tarball"])
def test_chosen_sources_are_taken(tree: Path, stage: Stage, release: Path, kind: str) -> None:
    source = release if kind == "folder" else release.parent
    if kind == "tarball":
        source = tree / "release.tar.xz"
        with tarfile.open(source, "w:xz") as tarball:
            tarball.add(release, release.name)
    elif kind == "parent":
        source = tree / "parent"
        shutil.copytree(release, source / "llvm-22.1.8")
    settings = settings_of(tree, PF_MLIR_SOURCE=str(source))
    top = sources.unpack(settings, stage, "22.1.8", tree / "unpacked")
    assert (top / "mlir" / "python" / "CMakeLists.txt").exists()
    assert (top / "mlir" / "lib" / "Bindings" / "Python" / "IR.cpp").exists()
    assert not (top / "mlir" / "lib" / "IR").exists()


@pytest.mark.parametrize(
    ("source", "expected"),
    [("nowhere", "does not exist"), ("llvm", "has no mlir/python"), ("tools/bootstrap", "is no tarball of LLVM's")],
)
def test_wrong_sources_are_one_line(tree: Path, stage: Stage, source: str, expected: str) -> None:
    settings = settings_of(tree, PF_MLIR_SOURCE=str(tree / source))
    with pytest.raises(BootstrapError, match=expected) as caught:
        sources.unpack(settings, stage, "22.1.8", tree / "unpacked")
    assert "\n" not in str(caught.value)


def test_offline_without_sources_is_one_line(tree: Path, stage: Stage) -> None:
    with pytest.raises(BootstrapError, match="the cache lacks MLIR's sources and --offline"):
        sources.unpack(settings_of(tree, "--offline"), stage, "22.1.8", tree / "unpacked")


def test_copied_package_stands_alone(tmp_path: Path) -> None:
    """Links out of the tree become files; a library's second name stays a link, so that it is loaded once."""
    (tmp_path / "source.py").write_text("text")
    origin = tmp_path / "origin" / "libs"
    origin.mkdir(parents=True)
    (origin / "module.py").symlink_to(tmp_path / "source.py")
    (origin / "lib.so.1").write_text("library")
    (origin / "lib.so").symlink_to("lib.so.1")
    bindings.copy_package(tmp_path / "origin", tmp_path / "copy")
    copy = tmp_path / "copy" / "libs"
    assert not (copy / "module.py").is_symlink()
    assert (copy / "module.py").read_text() == "text"
    assert os.readlink(copy / "lib.so") == "lib.so.1"


def test_digest_sees_content_names_and_additions(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("1")
    seen = [stamps.digest([folder])]
    (folder / "a").write_text("2")
    seen.append(stamps.digest([folder]))
    (folder / "a").rename(folder / "b")
    seen.append(stamps.digest([folder]))
    (folder / "c").write_text("")
    seen.append(stamps.digest([folder]))
    seen.append(stamps.digest([folder, "text"]))
    assert len(set(seen)) == len(seen)
    assert stamps.digest([folder, "text"]) == seen[-1]


def test_link_replaces_a_dangling_one(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "gone")
    stamps.link(path, tmp_path / "there")
    assert os.readlink(path) == str(tmp_path / "there")
