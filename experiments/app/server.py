"""The server of the page: it listens on the loopback address alone, and answers nobody but the page it served.

A page of somebody else's that the browser shows beside it could send requests here, or have its own name lead here.
Both are refused: requests name this host and, where the browser says which page they come from, this page. What the
page is told to change is data for the same models that check files; nothing in a file is run.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from marketgame.experiments.app.form import form_of
from marketgame.experiments.app.sessions import Sessions
from marketgame.experiments.app.work import Work
from marketgame.experiments.files.examples import PREFIX, examples, located_beside
from marketgame.experiments.files.game_scenario_file import GameScenarioInput
from marketgame.experiments.files.input_file import InputError, read_table
from marketgame.experiments.files.scenario_file import ScenarioInput
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.results.manifests import MANIFEST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")
USUAL_PORT = 80
STATIC = Path(__file__).parent / "static"
# Rounds that are asked for at once, and the largest scenario that a page sends.
MOST_ROUNDS = 500
LARGEST_REQUEST = 1 << 23
MOST_WORKS = 4
MOST_SAVED = 200
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
# What the page may have computed beside it: the words behind `marketgame`.
WORKS = {
    "solve": ("solve", "{setting}"),
    "certify": ("certify", "{{file}}", "--out", "{{out}}"),
    "block": ("block", "{setting}"),
}

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


class SameOriginOnly:
    """Refuses what does not come from the page itself, and has every answer say what browsers may do with it."""

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        # Browsers leave the usual port out.
        self._hosts = {f"{host}:{port}" for host in HOSTS} | (set(HOSTS) if port == USUAL_PORT else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._problem(scope["method"], told)

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        if problem is None:
            await self._app(scope, receive, guarded)
        else:
            await PlainTextResponse(problem, 403)(scope, receive, guarded)

    def _problem(self, method: str, told: dict[str, str]) -> str | None:
        if told.get("host", "") not in self._hosts:
            return "this page is served to its own address only"
        if "origin" in told and told["origin"] not in {f"http://{host}" for host in self._hosts}:
            return "requests of other origins are refused"
        if told.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return "requests of other sites are refused"
        if method == "POST" and not told.get("content-type", "").startswith("application/json"):
            return "requests must be JSON"
        return None


class Dashboard:
    """What the page may ask."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self._works: dict[str, Work] = {}

    def routes(self) -> list[Route | Mount]:
        """Return what answers what."""
        post = partial(Route, methods=["POST"])
        return [
            Route("/", self.front),
            Route("/api/choices", self.choices),
            post("/api/play", self.play),
            post("/api/searching", self.searching),
            post("/api/stop", self.stop),
            post("/api/beside", self.work),
            post("/api/beside/state", self.work_state),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def front(self, _request: Request) -> Response:
        """Return the page."""
        return Response((STATIC / "index.html").read_bytes(), media_type="text/html; charset=utf-8")

    async def choices(self, _request: Request) -> Response:
        """Return the examples, files and saved runs that can be opened, and the form of a scenario."""
        return JSONResponse(await run_in_threadpool(_choices))

    async def play(self, request: Request) -> Response:
        """Hand a request to who plays for the page, and return the answer."""
        asked = await _content(request, "session", "do")
        if isinstance(asked.get("rounds"), int):
            asked["rounds"] = max(0, min(asked["rounds"], MOST_ROUNDS))
        player = await run_in_threadpool(self.sessions.player, asked.pop("session"))
        return Response(await run_in_threadpool(player.ask, asked), media_type="application/json")

    async def searching(self, request: Request) -> Response:
        """Return what is being searched for the page, in words."""
        content = await _content(request, "session")
        return JSONResponse({"searching": self.sessions.searching(content["session"])})

    async def stop(self, request: Request) -> Response:
        """End what is played for the page, however long it would take."""
        await run_in_threadpool(self.sessions.end, (await _content(request, "session"))["session"])
        return JSONResponse({})

    async def work(self, request: Request) -> Response:
        """Begin what takes long, beside the page."""
        content = await _content(request, "session", "kind", "path")
        tables, path = content.get("tables"), Path(content["path"]).absolute()
        if not isinstance(tables, dict) or content["kind"] not in WORKS:
            raise HTTPException(400)
        player = await run_in_threadpool(self.sessions.player, content["session"])
        asked = {"do": "text", "tables": tables, "path": str(path)}
        answer = json.loads(await run_in_threadpool(player.ask, asked))
        if "answer" not in answer:
            return JSONResponse(answer)
        # In full, so that no name of a file can be taken for an option.
        setting = str(located_beside(tables.get("economy") or tables["game"], path))
        words = [word.format(setting=setting.replace("{", "{{").replace("}", "}}")) for word in WORKS[content["kind"]]]
        name = secrets.token_hex(8)
        for old in list(self._works)[: max(0, len(self._works) - MOST_WORKS + 1)]:
            await run_in_threadpool(self._works.pop(old).stop)
        self._works[name] = await run_in_threadpool(Work, words, answer["answer"])
        return JSONResponse({"answer": name})

    async def work_state(self, request: Request) -> Response:
        """Return how a work stands, after ending it if that is asked."""
        content = await _content(request, "work")
        work = self._works.get(content["work"])
        if work is None:
            return JSONResponse({"state": "stopped", "seconds": 0, "progress": "", "text": ""})
        if content.get("stop"):
            await run_in_threadpool(work.stop)
        return JSONResponse(work.state())

    def end(self) -> None:
        """End all processes."""
        self.sessions.end_all()
        for work in self._works.values():
            work.stop()


async def _content(request: Request, *texts: str) -> dict[str, Any]:
    """Return what a request says.

    Args:
        request: it.
        texts: the names of texts that it must have.

    Raises:
        HTTPException: it is no JSON object, too large, or lacks one of these.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_REQUEST:
            raise HTTPException(413)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400) from None
    if not isinstance(content, dict) or not all(isinstance(content.get(name), str) for name in texts):
        raise HTTPException(400)
    return content


def _choices() -> dict[str, Any]:
    scenarios = [
        {"name": each.name, "title": each.title, "source": f"{PREFIX}{each.kind}/{each.name}"}
        for each in examples()
        if each.kind == "scenario"
    ]
    forms = {"economy": form_of(ScenarioInput), "game": form_of(GameScenarioInput)}
    return {"examples": scenarios, "files": _files(), "saved": _saved(), "forms": forms}


def _files() -> list[str]:
    """Return the scenarios in this folder."""
    found = []
    for file in sorted(Path().glob("*.toml"))[:MOST_SAVED]:
        # A pipe of that name would be waited for.
        if file.is_file() and _can_be_told(file):
            with suppress(InputError):
                if read_table(file).get("kind") == "scenario":
                    found.append(str(file))
    return found


def _saved() -> list[str]:
    """Return the folders of runs where `marketgame run` leaves them, the latest first."""
    found = []
    for manifest in DEFAULT_RUNS.glob(f"*/{MANIFEST}"):
        # Whatever was removed since it was listed is not there.
        with suppress(OSError):
            found.append((-manifest.stat().st_mtime, manifest.parent))
    return [str(folder) for _, folder in sorted(found)[:MOST_SAVED] if _can_be_told(folder)]


def _can_be_told(path: Path) -> bool:
    """Whether the name of a file is text, as JSON needs it."""
    return str(path).isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in str(path))


def application(port: int) -> tuple[App, Dashboard]:
    """Return the server's application for a port, and what it answers from."""
    dashboard = Dashboard()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(dashboard.end)

    return SameOriginOnly(Starlette(routes=dashboard.routes(), lifespan=lifespan), port), dashboard


def serve(port: int, opened: Callable[[str], None]) -> None:
    """Serve the page on the loopback address until interrupted.

    Args:
        port: to listen on; 0 for any that is free.
        opened: called with the address once it can be opened.

    Raises:
        OSError: the port is taken.
    """
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        number = listening.getsockname()[1]
        app, _ = application(number)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=2))
        listening.listen()
        # A terminal that is closed ends the server, and that what it has begun.
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is not None:
            signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))
        opened(f"http://{LOOPBACK}:{number}/")
        server.run(sockets=[listening])
