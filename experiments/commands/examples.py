"""``marketgame examples``: the files that come with marketgame, listed and copied; what was published is checked."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.files.examples import PREFIX, copy_example, example, examples
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.printing import JsonOption, answer_console, in_progress, marked, print_json, table
from marketgame.results.names import on_a_line

if TYPE_CHECKING:
    from marketgame.experiments.commands.published import Checked, PublishedExample


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The example to copy; all are listed without it.")
    ] = None,
    *,
    published: Annotated[
        bool, typer.Option("--published", help="List what is known of those that were published, or of one of them.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Also say whether it is what the program answers; exit with 1 if not.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the files that come with marketgame, or copy one with the files it needs to the current folder.

    Wherever a file is asked for, `example:NAME` names one without copying it. No file is overwritten.
    """
    if published or check:
        _published(name, check=check, json=json)
    elif name is None:
        _list(json=json)
    else:
        files = [str(file) for file in copy_example(name.removeprefix(PREFIX), Path())]
        if json:
            print_json({"files": files})
        else:
            sys.stdout.writelines(f"{on_a_line(file)}\n" for file in files)


def _list(*, json: bool) -> None:
    found = [{"kind": each.kind, "name": each.name, "title": each.title} for each in examples()]
    if json:
        print_json({"examples": found})
        return
    rows = [[each["kind"], each["name"], each["title"]] for each in found]
    title = f"Examples; {PREFIX}NAME names one wherever a file is asked for"
    answer_console().print(table(title, ["kind", "name", "what it calls itself"], rows, texts=3))


def _published(name: str | None, *, check: bool, json: bool) -> None:
    # It loads every command that answers.
    module = import_module("marketgame.experiments.commands.published")
    chosen = None if name is None else [example(name.removeprefix(PREFIX))]
    found: list[PublishedExample] = list(module.published_examples(chosen))
    if not found:
        raise InputError(f"{name}: nothing is said about what is known of it; `marketgame examples --published` lists")
    checked: list[list[Checked | None]] = [[None] * len(each.known) for each in found]
    if check:
        with in_progress("checking what was published") as show:
            for place, each in enumerate(found):
                show(f"checking {each.example.name}")
                checked[place] = list(each.checked())
    if json:
        print_json({"published": [_document(each, answers) for each, answers in zip(found, checked, strict=True)]})
    else:
        _print(found, checked)
    if any(each is not None and not each.holds for answers in checked for each in answers):
        raise typer.Exit(ExitCode.NO)


def _document(each: PublishedExample, answers: list[Checked | None]) -> dict[str, Any]:
    known = [
        {
            **stated.model_dump(),
            **({} if answer is None else {"answer": answer.answer, "holds": answer.holds, "problem": answer.problem}),
        }
        for stated, answer in zip(each.known, answers, strict=True)
    ]
    return {"kind": each.example.kind, "name": each.example.name, "source": each.source, "known": known}


def _print(found: list[PublishedExample], checked: list[list[Checked | None]]) -> None:
    console = answer_console()
    for each, answers in zip(found, checked, strict=True):
        console.print(f"[bold]{marked(each.example.name)}[/bold]  {marked(each.source)}", soft_wrap=True)
        for stated, answer in zip(each.known, answers, strict=True):
            verdict = "" if answer is None else f"{_verdict(answer)}: "
            console.print(f"  {marked(verdict + stated.statement)}", soft_wrap=True)
    if checked[0][0] is not None:
        held = [each is not None and each.holds for answers in checked for each in answers]
        console.print(f"{sum(held)} of {len(held)} statements about {len(found)} examples hold")


def _verdict(answer: Checked) -> str:
    if answer.holds:
        return "holds"
    told = answer.problem or f"{answer.known.key} is {answer.answer}, not {answer.known.value}"
    return f"DOES NOT HOLD ({told})"
