"""Where the sources of MLIR's Python bindings come from.

The distribution packages MLIR without its Python bindings. Their sources, a few
hundred kilobytes of the release, are taken from the first of:

1. `PF_MLIR_SOURCE`, a folder or a tarball;
2. the cache, where an earlier run left a small tarball of them;
3. the distribution's source package of LLVM, in the suites of the machine's own
   entries and then in `sid`, whose pool keeps what the others have dropped.

apt is used with a configuration of its own, so nothing on the machine changes.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from _bootstrap.console import BootstrapError, NoNetworkError, Stage
from _bootstrap.settings import LLVM_MAJOR, LLVM_MINOR, Settings

SOURCE_PACKAGE = f"llvm-toolchain-{LLVM_MAJOR}"
PARTS = ("mlir/python", "mlir/lib/Bindings", "mlir/LICENSE.TXT")
_RELEASES = ("stable", "testing", "unstable", "sid", "oldstable")
_REMEDY = "name a folder or tarball that holds mlir/python and mlir/lib/Bindings in PF_MLIR_SOURCE"


def unpack(settings: Settings, stage: Stage, version: str, folder: Path) -> Path:
    """Put the sources into a folder.

    Args:
        settings: what the user chose.
        stage: for progress and commands.
        version: of LLVM, such as 22.1.8.
        folder: where they go; replaced.

    Returns:
        The folder that holds `mlir`.

    Raises:
        BootstrapError: no source has them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if settings.mlir_source is not None:
        return _from_user(settings.mlir_source, stage, folder)
    kept = settings.cache / "sources" / f"mlir-python-{version}.tar.xz"
    if not kept.exists():
        if settings.offline:
            raise BootstrapError(f"the cache lacks MLIR's sources and --offline forbids fetching them: {_REMEDY}")
        _fetch(settings, stage, version, kept)
    return _extract(stage, kept, folder)


def _from_user(source: Path, stage: Stage, folder: Path) -> Path:
    if not source.exists():
        raise BootstrapError(f"PF_MLIR_SOURCE names {source}, which does not exist: correct or unset it")
    if source.is_file():
        return _extract(stage, source, folder)
    found = _locate(source)
    if found is None:
        raise BootstrapError(f"PF_MLIR_SOURCE names {source}, which has no mlir/python: {_REMEDY}")
    for part in PARTS:
        origin, copy = found / part, folder / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, copy, ignore=shutil.ignore_patterns("__pycache__"))
        elif origin.exists():
            shutil.copy2(origin, copy)
    return folder


def _extract(stage: Stage, tarball: Path, folder: Path) -> Path:
    patterns = [f"*{part}" for part in PARTS]
    command = ["tar", "-C", folder, "--no-same-owner", "--wildcards", "-xf", tarball]
    # A missing licence text fails tar as well, so what counts is what came out.
    status, output = stage.run([*command, *patterns], "unpacking MLIR's sources", check=False)
    found = _locate(folder)
    if found is None or (status and "Not found in archive" not in output):
        failure = stage.console.failure(f"{tarball} is no tarball of LLVM's sources: {_REMEDY}", "unpacking", output)
        raise failure
    return found


def _locate(folder: Path) -> Path | None:
    """The folder at or just below `folder` in which `mlir/python` is."""
    candidates = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    for candidate in candidates:
        if all((candidate / part).is_dir() for part in PARTS[:2]):
            return candidate
    return None


def _fetch(settings: Settings, stage: Stage, version: str, kept: Path) -> None:
    """Fetch the source package and keep the small part of it that is needed."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    work = kept.parent / "fetching"
    entries = source_entries(Path("/etc/apt"), _codename())
    archives = source_entries(Path("/etc/apt"), _codename(), suite="sid")
    offline: NoNetworkError | None = None
    for origin, lines in (("the distribution", entries), ("its development suite", archives)):
        if not lines:
            continue
        stage.step(f"fetching LLVM {version}'s source package, about 200 MB, from {origin}")
        try:
            tarball = _download(stage, version, work, lines)
        except NoNetworkError as error:
            offline = error
            continue
        if tarball is not None:
            stage.step("keeping the part of it that is needed")
            _repack(stage, tarball, version, kept)
            shutil.rmtree(work, ignore_errors=True)
            return
    if offline is not None:
        raise offline
    raise BootstrapError(f"apt offers no sources of LLVM {version}: {_REMEDY}")


def _download(stage: Stage, version: str, work: Path, entries: str) -> Path | None:
    """Let apt fetch and check the release's tarball; None where it has none."""
    parts, lists, cache, files = (work / name for name in ("parts", "lists", "cache", "files"))
    for folder in (parts, lists, cache, files):
        if folder is not files:  # A download that was interrupted is continued.
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    (parts / "powerfusion.sources").write_text(entries)
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": parts,
        "Dir::State::Lists": lists,
        "Dir::Cache": cache,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": 2,
    }
    private = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    doing = "fetching the distribution's source package"
    _, updated = stage.run(["apt-get", "-q", *private, "update"], doing, check=False)
    _, listing = stage.run(["apt-cache", *private, "showsrc", SOURCE_PACKAGE], doing, check=False)
    chosen = choose_version(re.findall(r"^Version: (\S+)$", listing, re.MULTILINE), version)
    if chosen is None:
        reason = stage.console.failure("", doing, updated)
        if isinstance(reason, NoNetworkError):
            raise reason
        return None
    fetch = ["apt-get", "-q", *private, "source", "--download-only", "--tar-only", f"{SOURCE_PACKAGE}={chosen}"]
    status, output = stage.run(fetch, doing, cwd=files, check=False)
    if status:
        reason = stage.console.failure("", doing, output)
        if reason.tail:  # Neither the disk nor the network: the pool lacks the file.
            return None
        raise reason
    return next(files.glob("*.orig.tar.*"), None)


def _repack(stage: Stage, tarball: Path, version: str, kept: Path) -> None:
    folder = kept.parent / "fetching" / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    patterns = [f"*/{part}" for part in PARTS]
    unpack_all = ["tar", "-C", folder, "--no-same-owner", "-I", "xz -T0", "--wildcards", "-xf", tarball, *patterns]
    stage.run(unpack_all, "unpacking MLIR's sources")
    found = _locate(folder)
    if found is None:
        raise BootstrapError(f"the source package of LLVM {version} has no mlir/python: {_REMEDY}")
    partial = kept.parent / "fetching" / kept.name
    stage.run(["tar", "-C", found, "-cJf", partial, "mlir"], "keeping MLIR's sources")
    partial.replace(kept)


def choose_version(offered: Iterable[str], wanted: str) -> str | None:
    """The package version of the wanted release, else of the latest release of the same minor version."""
    releases: list[tuple[bool, list[int], str]] = []
    for package in offered:
        release = re.sub(r"^\d+:|[-~+].*$", "", package)
        if release == LLVM_MINOR or release.startswith(LLVM_MINOR + "."):
            numbers = [int(number) for number in re.findall(r"\d+", release)]
            releases.append((release == wanted, numbers, package))
    return max(releases)[2] if releases else None


def _codename() -> str:
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except (OSError, AttributeError):
        return ""


def source_entries(etc: Path, codename: str, suite: str = "") -> str:
    """The machine's apt entries as entries of sources, in apt's deb822 format.

    Args:
        etc: apt's configuration folder.
        codename: the distribution's; entries of no suite of its are left out, so that
            other people's archives are not asked. Empty takes every entry.
        suite: take only the distribution's main archive, with this suite instead.

    Returns:
        The text of a `.sources` file, empty where no entry is left.
    """
    stanzas: list[dict[str, str]] = []
    folder = etc / "sources.list.d"
    for path in (etc / "sources.list", *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))):
        try:
            text = path.read_text()
        except OSError:
            continue
        stanzas += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    chosen: list[str] = []
    for stanza in stanzas:
        if "deb" not in stanza.get("Types", "").split() or stanza.get("Enabled", "yes").strip().lower() in (
            "no",
            "false",
        ):
            continue
        suites = [name for name in stanza.get("Suites", "").split() if _belongs(name, codename)]
        if suite and not any(name == codename or name in _RELEASES for name in suites):
            continue
        if not suites:
            continue
        kept = {name: value for name, value in stanza.items() if name not in ("Enabled", "Architectures", "Languages")}
        kept |= {"Types": "deb-src", "Suites": suite or " ".join(suites)}
        text = "".join(f"{name}: {value}\n" for name, value in kept.items())
        if text not in chosen:
            chosen.append(text)
    return "\n".join(chosen)


def _belongs(suite: str, codename: str) -> bool:
    release = re.sub(r"[-/].*$", "", suite)
    return not codename or release == codename or release in _RELEASES


def parse_deb822(text: str) -> list[dict[str, str]]:
    """Read stanzas of `Field: value`; a value that spans lines keeps its line breaks."""
    stanzas: list[dict[str, str]] = []
    for block in re.split(r"\n[ \t]*\n", text):
        stanza: dict[str, str] = {}
        last = ""
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t" and last:
                stanza[last] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                last = name.strip()
                stanza[last] = value.strip()
        if stanza:
            stanzas.append(stanza)
    return stanzas


def parse_one_line(text: str) -> list[dict[str, str]]:
    """Read lines of `deb [option=value ...] URI suite component ...`."""
    names = {"signed-by": "Signed-By", "trusted": "Trusted", "check-valid-until": "Check-Valid-Until"}
    stanzas: list[dict[str, str]] = []
    for line in text.splitlines():
        match = re.match(r"\s*(deb|deb-src)\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match is None:
            continue
        kind, options, uri, suite, components = match.groups()
        stanza = {"Types": kind, "URIs": uri, "Suites": suite}
        if components.strip():
            stanza["Components"] = components.strip()
        for option in (options or "").split():
            name, _, value = option.partition("=")
            if name.lower() in names:
                stanza[names[name.lower()]] = value.replace(",", " ")
        stanzas.append(stanza)
    return stanzas
