"""The language server as an editor speaks to it: JSON-RPC messages over its standard input and output."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

VALID = """\
func.func @f(%x: tensor<4x8xf32, #gir.at<dram>>) {
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
  return
}
"""
INVALID = VALID.replace("#gir.at<reg>>\n", "#gir.at<dram>>\n")
URI = "file:///program.mlir"


def message(method: str, parameters: dict[str, Any], number: int | None = None) -> bytes:
    """A request, or a notification where it has no number, with its header."""
    said = {"jsonrpc": "2.0", "method": method, "params": parameters}
    body = json.dumps(said if number is None else {**said, "id": number}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def answers(output: bytes) -> Iterator[dict[str, Any]]:
    """What the server said, message by message."""
    while output:
        header, _, rest = output.partition(b"\r\n\r\n")
        length = int(header.removeprefix(b"Content-Length: "))
        yield json.loads(rest[:length])
        output = rest[length:]


def talk(*messages: bytes) -> list[dict[str, Any]]:
    """Runs a server over a whole conversation; it must end by itself, and well."""
    conversation = (message("initialize", {"capabilities": {}}, 1), *messages, message("shutdown", {}, 2))
    done = subprocess.run(
        [sys.executable, "-m", "powerfusion.cli.lsp"],
        input=b"".join((*conversation, message("exit", {}))),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return list(answers(done.stdout))


def opened(text: str) -> bytes:
    """The notification that a file of that text was opened."""
    document = {"uri": URI, "languageId": "mlir", "version": 1, "text": text}
    return message("textDocument/didOpen", {"textDocument": document})


def diagnostics(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The diagnostics of the one file that was opened."""
    (published,) = (answer["params"] for answer in said if answer.get("method") == "textDocument/publishDiagnostics")
    assert published["uri"] == URI
    return published["diagnostics"]


def test_a_bad_file_has_a_diagnostic() -> None:
    """What a verifier of GIR says stands at the op's place, without any build."""
    (found,) = diagnostics(talk(opened(INVALID)))
    assert "expected operand and result in different places, got both at #gir.at<dram>" in found["message"]
    assert found["range"]["start"] == {"line": 1, "character": 7}
    assert found["severity"] == 1


def test_a_good_file_has_none() -> None:
    """GIR and upstream's dialects are known to the server."""
    assert diagnostics(talk(opened(VALID))) == []


def test_hover_knows_gir() -> None:
    """Pointing at an op shows what it is."""
    position = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 9}}
    (hover,) = (
        answer for answer in talk(opened(VALID), message("textDocument/hover", position, 7)) if answer.get("id") == 7
    )
    assert "gir.move" in hover["result"]["contents"]["value"]
