"""The folder of certificates that ``marketgame certify`` writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from marketgame.experiments.certificate_files import CERTIFICATES
from marketgame.experiments.certificate_files.economy import economy_document
from marketgame.experiments.certificate_files.files import save_certificate
from marketgame.experiments.files.output_folder import Held, Purpose, Writing, beside, refuse_other_kinds, writing
from marketgame.experiments.files.provenance import command_line, input_files, software
from marketgame.mechanisms.certificates.examination import Examination
from marketgame.mechanisms.economies.economy import Economy

DEFAULT_FOLDER = Path("results") / "runs"
PROOF = "no-coalition-gains.json"


def refuse_unstorable(economy: Economy) -> None:
    """Refuse an economy that no certificate can hold, before anything is looked for.

    Raises:
        ValueError: naming the valuation's family, or what is believed.
    """
    economy_document(economy)


@contextmanager
def certificate_folder(file: Path, wanted: Path | None) -> Iterator[Writing]:
    """Provide the folder for certificates; those of an earlier call stay until the new ones are whole.

    Args:
        file: what is certified.
        wanted: the folder asked for; without it one beside the folders of runs, named after the file, with a number
            if it holds something else.

    Raises:
        InputError: the folder holds anything but certificates written by an earlier call, or cannot be written.
    """
    purpose = Purpose(CERTIFICATES, None if wanted is None else "--out")
    if wanted is None:
        wanted = beside(DEFAULT_FOLDER / f"{file.stem}-certificates", purpose, _are_certificates)
    refuse_other_kinds(wanted, purpose, CERTIFICATES, "certificates")
    with writing(wanted, purpose) as folder:
        yield folder


def commit_certificates(
    folder: Writing, contents: Mapping[Path, bytes], home: Path, code: Mapping[str, str] | None = None
) -> None:
    """Put certificates in the place of those of an earlier call.

    Raises:
        OSError: the folder cannot be written; what it held is still there.
    """
    inputs = {"inputs": input_files(contents, home)} | ({"code": dict(code)} if code else {})
    folder.commit({"kind": CERTIFICATES, **inputs, "command": command_line(), **software()})


def _are_certificates(held: Held) -> bool:
    return held.manifest is not None and held.manifest.get("kind") == CERTIFICATES


def write_certificates(examination: Examination, folder: Writing) -> tuple[dict[int, Path], Path | None]:
    """Write the certificates of deviations, by their place, and of the proof that there is none; return where.

    Raises:
        InputError: a file cannot be written.
    """
    names = examination.contract.economy.player_names
    files = {}
    for place, found in enumerate(examination.deviations):
        members = "-".join(names[member] for member in found.coalition)
        name = f"{place + 1:02d}-{_plain(found.kind.value)}-{_plain(members)}.json"
        save_certificate(found.certificate, folder.stage / name)
        files[place] = folder.folder / name
    if examination.proof is None:
        return files, None
    save_certificate(examination.proof, folder.stage / PROOF)
    return files, folder.folder / PROOF


def _plain(words: str) -> str:
    """Return words as they may stand in the name of a file everywhere."""
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:60] or "unnamed"
