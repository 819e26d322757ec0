"""Writing a single file that a user names, without losing anything that somebody else put there.

A file is replaced only if it shows that this program wrote it and that nobody changed it since; what is in its place
before it is whole is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import reason_of, replace_file
from marketgame.results.manifests import DamagedFileError, content_of

# A file of ours that may be replaced is no larger.
LARGEST_REPLACED = 1 << 26


def refuse_foreign(path: Path, is_ours: Callable[[str], bool], option: str | None = None) -> None:
    """Refuse to write to a file that this program did not write, or that was changed since.

    Args:
        path: the file.
        is_ours: says of its text whether this program wrote it as it is.
        option: the option of the command line that named it; none where none did.

    Raises:
        InputError: there is something else of that name, or it cannot be read.
    """
    blamed = f"{path}:" if option is None else f"{option} is '{path}', which"
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{blamed} is not a name in UTF-8; name another file") from None
    if path.is_symlink():
        raise InputError(f"{blamed} is a symbolic link; nothing was touched: name another file")
    if path.is_dir():
        raise InputError(f"{blamed} is a folder; name a file")
    if not path.exists():
        return
    try:
        known = is_ours(content_of(path, LARGEST_REPLACED).decode("utf-8"))
    except (DamagedFileError, UnicodeDecodeError):
        known = False
    except OSError as error:
        raise InputError(f"{blamed} cannot be read: {reason_of(error)}; name another file") from None
    if not known:
        raise InputError(
            f"{blamed} was not written by marketgame, or was changed since; nothing was touched: name another file, or "
            "move that away"
        )


def write_file(path: Path, text: str, is_ours: Callable[[str], bool], option: str | None = None) -> None:
    """Write a file in one step, in the place of one that this program wrote.

    Raises:
        InputError: there is something else of that name, or it cannot be written; what was there is there still.
    """
    refuse_foreign(path, is_ours, option)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        blamed = f"{path}:" if option is None else f"{option} is '{path}', which"
        raise InputError(f"{blamed} cannot be written: {reason_of(error)}; name another file") from None
