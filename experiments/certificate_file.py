"""Certificate files: JSON documents that hold everything needed to play what they certify again.

A document has ``kind = "certificate"``, the version of its format, a hash, and its content. The hash is the SHA-256 of
the document without it, keys sorted and no space between them. It shows that a file is as it was written; that what it
says is true, only `marketgame replay` shows. Numbers are written so that reading them gives the same float64.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from experiments.certificate_file_blocking import (
    BlockingContent,
    InhibitionContent,
    blocking_content,
    inhibition_content,
)
from experiments.certificate_file_market import (
    BoundContent,
    DeviationContent,
    MisreportContent,
    bound_document,
    deviation_document,
    misreport_document,
)
from experiments.certificate_file_side_contract import SideContractContent, side_contract_document
from experiments.certificate_file_stability import StabilityContent, stability_document
from experiments.input_file import InputError, InputModel, blamed_on, kind_of, refuse, validated
from mechanisms.certificates import (
    BlockingCertificate,
    BoundCertificate,
    Certificate,
    DeviationCertificate,
    InhibitionCertificate,
    MisreportCertificate,
    SideContractCertificate,
    StabilityCertificate,
)

KIND = "certificate"
FORMAT = 1
# Characters of a hash shown in messages.
SHOWN_OF_HASH = 12


class CertificateInput(InputModel):
    """A certificate: what is claimed, with everything needed to check it."""

    kind: Literal["certificate"] = Field(description="what the file holds")
    format: Literal[1] = Field(description="version of this format")
    sha256: str = Field(description="hash of the document without this key, keys sorted and no space between them")
    content: Annotated[
        DeviationContent
        | SideContractContent
        | MisreportContent
        | BoundContent
        | StabilityContent
        | BlockingContent
        | InhibitionContent,
        Field(discriminator="certifies"),
    ] = Field(description="what is certified")


def load_certificate(path: Path | str) -> Certificate:
    """Return the certificate in a file, unverified.

    Raises:
        InputError: the file cannot be read, is not a certificate, was changed since it was written, or its parts do
            not go together.
    """
    path = Path(path)
    document = _read(path)
    kind_of(document, path, [KIND])
    content = validated(CertificateInput, document, path)
    found = content_hash(document)
    if content.sha256 != found:
        refuse(
            path,
            "sha256",
            f"is '{content.sha256[:SHOWN_OF_HASH]}...'; it must be '{found[:SHOWN_OF_HASH]}...', the hash of the rest: "
            "the file was changed after it was written",
        )
    with blamed_on(path, "content: "):
        return content.content.build()


def save_certificate(certificate: Certificate, path: Path) -> None:
    """Write a certificate to a file, whose folder must exist.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(certificate_text(certificate), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def certificate_text(certificate: Certificate) -> str:
    """Return a certificate as the text of its file."""
    document = {"kind": KIND, "format": FORMAT, "content": _content(certificate)}
    hashed = {"kind": KIND, "format": FORMAT, "sha256": content_hash(document), "content": document["content"]}
    return "".join(_written(hashed)) + "\n"


def content_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document without the hash it may hold."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _content(certificate: Certificate) -> dict[str, Any]:
    match certificate:
        case BlockingCertificate():
            content = blocking_content(certificate)
        case InhibitionCertificate():
            content = inhibition_content(certificate)
        case DeviationCertificate():
            content = deviation_document(certificate)
        case SideContractCertificate():
            content = side_contract_document(certificate)
        case MisreportCertificate():
            content = misreport_document(certificate)
        case BoundCertificate():
            content = bound_document(certificate)
        case StabilityCertificate():
            content = stability_document(certificate)
    return content


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


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repeats)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; name an existing certificate") from None
    except IsADirectoryError:
        raise InputError(f"{path}: this is a folder; name a certificate") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not text; it must be a JSON file in UTF-8") from None
    except RecursionError:
        raise InputError(f"{path}: lists are nested too deeply; a certificate needs at most five levels") from None
    except ValueError as error:
        raise InputError(f"{path}: this is not a whole JSON document: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: this is not a certificate; it must be a JSON object")
    return document


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} is given twice in one object")
    return document
