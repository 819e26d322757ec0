"""The folder of certificates that ``marketgame certify`` writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from experiments.certificate_file import KIND, save_certificate
from experiments.certification import Certification
from experiments.input_file import InputError

DEFAULT_FOLDER = Path("results") / "runs"
PROOF = "no-coalition-gains.json"


def certificate_folder(file: Path, wanted: Path | None) -> Path:
    """Make and return the folder for certificates, emptied of earlier ones.

    Args:
        file: what is certified.
        wanted: the folder asked for; without it one beside the folders of runs, named after the file.

    Raises:
        InputError: the folder holds something else than certificates, or cannot be made.
    """
    folder = DEFAULT_FOLDER / f"{file.stem}-certificates" if wanted is None else wanted
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = sorted(folder.iterdir())
        for entry in held:
            if not _is_certificate(entry):
                raise InputError(f"--out is '{folder}', which holds '{entry.name}'; it may hold only certificates")
        for entry in held:
            entry.unlink()
    except OSError as error:
        raise InputError(f"--out is '{folder}', which cannot be made: {error.strerror}") from None
    return folder


def write_certificates(certification: Certification, folder: Path) -> tuple[dict[int, Path], Path | None]:
    """Write the certificates of all deviations, and of the proof that there is none.

    Args:
        certification: what is known.
        folder: what `certificate_folder` returned.

    Returns:
        Where the certificate of each deviation is, by its place, and where the proof is, if there is one.

    Raises:
        InputError: a file cannot be written.
    """
    names = certification.contract.economy.player_names
    files = {}
    for place, found in enumerate(certification.deviations):
        members = "-".join(names[member] for member in found.coalition)
        files[place] = folder / f"{place + 1:02d}-{_plain(found.kind.value)}-{_plain(members)}.json"
        save_certificate(found.certificate, files[place])
    if certification.proof is None:
        return files, None
    save_certificate(certification.proof, folder / PROOF)
    return files, folder / PROOF


def _plain(words: str) -> str:
    """Return words as they may stand in the name of a file everywhere."""
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:60] or "unnamed"


def _is_certificate(entry: Path) -> bool:
    if entry.suffix != ".json" or not entry.is_file():
        return False
    try:
        document = json.loads(entry.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("kind") == KIND
