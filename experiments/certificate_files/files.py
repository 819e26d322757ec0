"""Certificate files: JSON documents that hold everything needed to play what they certify again.

A document has ``kind = "certificate"``, the version of its format, a hash, and its content. The hash is the SHA-256 of
the document without it, keys sorted and no space between them. It shows that a file is as it was written; that what it
says is true, only `marketgame replay` shows. Numbers are written so that reading them gives the same float64.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from marketgame.experiments.certificate_files.contents import CONTENT
from marketgame.experiments.certificate_files.forms import Seen
from marketgame.experiments.certificate_files.played import AnyCertificate
from marketgame.experiments.files.input_file import (
    LARGEST_CERTIFICATE,
    InputError,
    InputFiles,
    InputModel,
    blamed_on,
    kind_of,
    parsed,
    refuse,
    validated,
)
from marketgame.experiments.files.output_folder import replace_file

KIND = "certificate"
FORMAT = 1
# Characters of a hash shown in messages.
SHOWN_OF_HASH = 12


class CertificateInput(InputModel):
    """A certificate: what is claimed, with everything needed to check it."""

    kind: Literal["certificate"] = Field(description="what the file holds")
    format: Literal[1] = Field(description="version of this format")
    sha256: str = Field(description="hash of the document without this key, keys sorted and no space between them")
    content: CONTENT.annotation = Field(description="what is certified")  # type: ignore[name-defined]


def load_certificate(path: Path | str, files: InputFiles | None = None) -> AnyCertificate:
    """Return the certificate in a file, unverified.

    Raises:
        InputError: the file cannot be read, is not a certificate, was changed since it was written, or its parts do
            not go together.
    """
    path = Path(path)
    files = InputFiles() if files is None else files
    content = files.read(path, LARGEST_CERTIFICATE)
    return _certificate(path, content, allow_code=files.allow_code)


def certificate_in(text: str, path: Path | str, *, allow_code: bool = False) -> AnyCertificate:
    """Return the certificate in the text of a file, unverified.

    Raises:
        InputError: it is not a certificate, was changed since it was written, or its parts do not go together.
    """
    return _certificate(Path(path), text.encode(), allow_code=allow_code)


def _certificate(path: Path, content: bytes, *, allow_code: bool) -> AnyCertificate:
    document = parsed(path, content, partial(json.loads, object_pairs_hook=_without_repeats), "a whole JSON document")
    if not isinstance(document, dict):
        raise InputError(f"{path}: this is not a certificate; it must be a JSON object")
    kind_of(document, path, [KIND])
    certificate = validated(CertificateInput, document, path, allow_code=allow_code)
    found = content_hash(document)
    if certificate.sha256 != found:
        refuse(
            path,
            "sha256",
            f"is '{certificate.sha256[:SHOWN_OF_HASH]}...'; it must be '{found[:SHOWN_OF_HASH]}...', the hash of the "
            "rest: the file was changed after it was written",
        )
    with blamed_on(path, "content: "):
        stored: AnyCertificate = certificate.content.build()
    return stored


def save_certificate(certificate: AnyCertificate, path: Path) -> None:
    """Write a certificate to a file, whose folder must exist; a file of that name is replaced in one step.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        replace_file(path, certificate_text(certificate))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def certificate_text(certificate: AnyCertificate) -> str:
    """Return a certificate as the text of its file."""
    document = {"kind": KIND, "format": FORMAT, "content": CONTENT.write(certificate, Seen())}
    hashed = {"kind": KIND, "format": FORMAT, "sha256": content_hash(document), "content": document["content"]}
    return "".join(_written(hashed)) + "\n"


def content_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document without the hash it may hold."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _written(node: Any, indent: str = "") -> Iterable[str]:
    """Yield JSON with a line for every entry of a table and every table in a list, and arrays on one line."""
    inner = indent + "  "
    if isinstance(node, dict):
        yield "{"
        for place, (key, value) in enumerate(node.items()):
            yield f"{',' if place else ''}\n{inner}{json.dumps(key)}: "
            yield from _written(value, inner)
        yield f"\n{indent}}}"
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        yield "["
        for place, value in enumerate(node):
            yield f"{',' if place else ''}\n{inner}"
            yield from _written(value, inner)
        yield f"\n{indent}]"
    else:
        yield json.dumps(node, allow_nan=False)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} is given twice in one object")
    return document
