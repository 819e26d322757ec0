"""How files are damaged: as bytes, line by line, and as documents that keep their form and lose their sense."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from marketgame.experiments.certificate_files.files import content_hash

EXTREMES: tuple[Any, ...] = (
    *(0.0, -0.0, 0, 1, -1, -1.0, 0.5, 2, 7.0, 1e-3, 1e3, 1e-9, 1e9, 1e-12, 1e12, 1e15, -1e10, 1e-38, 1e38, -1e38),
    *(1e-200, 1e200, -1e200, 1e308, 5e-324, 2**53 + 1, 2**63, 10**400, float("nan"), float("inf"), -float("inf")),
)
SMALL_CHANGES = (0.0, 0.1, 0.5, 0.9, 0.999999, 1.000001, 1.5, 2.0, 3.0, 10.0, 100.0, 1e-6, 1e6, -1.0)
JUNK: tuple[Any, ...] = (
    *("", "x", "ann", "money", True, False, [], {}, [[]], [1.0], [[1.0]], {"x": 1}, {"types": {}}, [0.1] * 50),
    *([{"name": "x"}], [[[[[[[[1]]]]]]]], {"a": {"b": {"c": {"d": {"e": {}}}}}}, "../../etc/passwd", "/dev/zero", "."),
)
NAMES = (
    *(
        "[/x]",
        "[bold red]a[/bold red]",
        ":smile:",
        "a\\",
        "\x1b[31m\x1b[2J",
        "a\nb",
        "\u202eevil",
        "\u0000/..\\$\\frac{1}{$",
    ),
    *(
        "$",
        "a$b$c",
        "面包",
        "🍞",
        "../../x",
        "a/b",
        "a b",
        "A B",
        "=cmd|calc!A1",
        "<img src=x onerror=alert(1)>",
        " ",
        "x" * 400,
    ),
    *("CON", ".", "..", "-", "--json", "%s{}", "ann", "\ud7ff\ufeff", "é", "\x7f\x9b", "types", "0", "money"),
)
# Files that stay sound, their numbers and names changed, are those that get far.
SHARE_OF_GENTLE = 0.6
MOST_CHANGES = (1, 1, 1, 1, 2, 2, 3, 5)


def mutant(sound: bytes, suffix: str, random: Random) -> bytes:
    """Return a damaged copy of a file.

    Args:
        sound: its bytes.
        suffix: what it is: ``.toml`` or ``.json``.
        random: the only source of chance.
    """
    if random.random() < 0.25:
        damaged = sound
        for _ in range(random.choice(MOST_CHANGES)):
            damaged = random.choice(OF_BYTES)(damaged, random)
        return damaged
    text = sound.decode("utf-8")
    document: dict[str, Any] = json.loads(text) if suffix == ".json" else tomllib.loads(text)
    changed = copy.deepcopy(document)
    ways = GENTLE if random.random() < SHARE_OF_GENTLE else OF_DOCUMENTS
    for _ in range(random.choice(MOST_CHANGES)):
        random.choice(ways)(changed, random)
    if suffix == ".json":
        if random.random() < 0.9:
            changed["sha256"] = content_hash(changed)
        return json.dumps(changed).encode()
    return toml_text(changed).encode("utf-8", "replace")


def toml_text(document: dict[str, Any]) -> str:
    """Return a document as TOML, tables inline."""
    return "".join(f"{_quoted(key)} = {_toml_value(value)}\n" for key, value in document.items())


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_quoted(key)} = {_toml_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from _places(entry, (*path, key))


def _holder(document: Any, place: tuple[str | int, ...]) -> Any:
    for step in place[:-1]:
        document = document[step]
    return document


def _some_place(
    document: Any, random: Random, wanted: Callable[[Any], bool] = lambda _: True
) -> tuple[Any, Any] | None:
    """Return a container and the key of one of its entries that is wanted, if there is one."""
    found = []
    for place in _places(document):
        holder = _holder(document, place)
        if wanted(holder[place[-1]]):
            found.append((holder, place[-1]))
    return random.choice(found) if found else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _extreme(document: Any, random: Random) -> None:
    if place := _some_place(document, random, _is_number):
        place[0][place[1]] = random.choice(EXTREMES)


def _scaled(document: Any, random: Random) -> None:
    if place := _some_place(document, random, _is_number):
        try:
            place[0][place[1]] = place[0][place[1]] * random.choice(SMALL_CHANGES)
        except OverflowError:
            return


def _all_scaled(document: Any, random: Random) -> None:
    """Scale every number under one key, as a change of units does."""
    factor = 10.0 ** random.randint(-12, 12)
    keys = sorted({str(place[-1]) for place in _places(document) if isinstance(place[-1], str)})
    if not keys:
        return
    key = random.choice(keys)
    for place in list(_places(document)):
        holder = _holder(document, place)
        if key in map(str, place) and _is_number(holder[place[-1]]) and abs(holder[place[-1]]) < 1e100:
            holder[place[-1]] = holder[place[-1]] * factor


def _junk(document: Any, random: Random) -> None:
    if place := _some_place(document, random):
        place[0][place[1]] = copy.deepcopy(random.choice(JUNK))


def _removed(document: Any, random: Random) -> None:
    if place := _some_place(document, random):
        del place[0][place[1]]


def _repeated(document: Any, random: Random) -> None:
    """Repeat an entry of a list, or a list as a whole: twins, double goods, double rules."""
    if place := _some_place(document, random, lambda value: isinstance(value, list) and bool(value)):
        entries = place[0][place[1]]
        again = copy.deepcopy(random.choice(entries))
        if isinstance(again, dict) and "name" in again and random.random() < 0.8:
            again["name"] = f"{again['name']} again"
        entries.insert(random.randrange(len(entries) + 1), again)


def _key_renamed(document: Any, random: Random) -> None:
    if place := _some_place(document, random):
        holder, key = place
        if isinstance(holder, dict):
            holder[random.choice([f"{key}s", str(key)[:-1], str(key).upper(), *NAMES])] = holder.pop(key)


def _name_replaced(document: Any, random: Random) -> None:
    """Replace a name wherever it stands, in keys too."""
    texts = {value for place in _places(document) if isinstance(value := _holder(document, place)[place[-1]], str)}
    if not texts:
        return
    old, new = random.choice(sorted(texts)), random.choice(NAMES)
    _rename(document, old, new)


def _rename(node: Any, old: str, new: str) -> None:
    if isinstance(node, dict):
        for key in list(node):
            value = node.pop(key)
            node[new if key == old else key] = new if value == old else value
            _rename(value, old, new)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            if value == old:
                node[place] = new
            _rename(value, old, new)


def _rare_type(document: Any, random: Random) -> None:
    """Make one of two types rare, probabilities still adding up to 1."""
    rare = 10.0 ** -random.randint(1, 13)

    def two(value: Any) -> bool:
        if not (isinstance(value, dict) and len(value) == 2):
            return False
        entries = list(value.values())
        tables = all(isinstance(each, dict) and "probability" in each for each in entries)
        return tables or (all(_is_number(each) and 0 <= each <= 1 for each in entries) and abs(sum(entries) - 1) < 1e-9)

    if place := _some_place(document, random, two):
        types = place[0][place[1]]
        for key, probability in zip(types, (1 - rare, rare), strict=True):
            if isinstance(types[key], dict):
                types[key]["probability"] = probability
            else:
                types[key] = probability


def _swapped(document: Any, random: Random) -> None:
    one, other = _some_place(document, random), _some_place(document, random)
    if one and other:
        kept = copy.deepcopy(other[0][other[1]])
        other[0][other[1]] = copy.deepcopy(one[0][one[1]])
        one[0][one[1]] = kept


OF_DOCUMENTS: tuple[Callable[[Any, Random], None], ...] = (
    *(_extreme, _extreme, _scaled, _scaled, _scaled, _all_scaled, _all_scaled, _junk, _removed, _repeated, _repeated),
    *(_key_renamed, _name_replaced, _name_replaced, _rare_type, _swapped),
)
GENTLE = (_scaled, _scaled, _all_scaled, _all_scaled, _rare_type, _repeated, _name_replaced)


def _byte_flipped(content: bytes, random: Random) -> bytes:
    damaged = bytearray(content)
    if damaged:
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _truncated(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _line_removed(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        del lines[random.randrange(len(lines))]
    return b"".join(lines)


def _line_repeated(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        lines.insert(random.randrange(len(lines) + 1), random.choice(lines))
    return b"".join(lines)


def _number_replaced(content: bytes, random: Random) -> bytes:
    places = list(re.finditer(rb"-?\d+(\.\d+)?", content))
    if not places:
        return content
    place = random.choice(places)
    words = (
        b"nan",
        b"inf",
        b"-inf",
        b"1e400",
        b"-0",
        b"0x10",
        b"1_000",
        b"1e308",
        b"1979-05-27",
        b"true",
        b"''",
        b"9" * 5000,
    )
    return content[: place.start()] + random.choice(words) + content[place.end() :]


def _junk_inserted(content: bytes, random: Random) -> bytes:
    junk = (
        b"\xff",
        b"\x00",
        b"[" * 500,
        b"{" * 500,
        b"a." * 5000,
        b'"',
        b"'''",
        b"#",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"[[a]]\n",
        b"= 1\n",
    )
    place = random.randrange(len(content) + 1)
    return content[:place] + random.choice(junk) + content[place:]


OF_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_byte_flipped, _byte_flipped, _truncated, _line_removed, _line_removed, _line_repeated, _number_replaced),
    *(_number_replaced, _junk_inserted),
)
