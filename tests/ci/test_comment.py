"""The comment of a pull request, against a small server that behaves as GitHub's or GitLab's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "ci" / "comment.py"


class Forge(ThreadingHTTPServer):
    """Keeps comments; `style` says whose paths it uses."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.comments: dict[int, str] = {}
        self.seen: list[tuple[str, str, str]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        path = "repos/a/b/issues/7/comments" if self.style == "github" else "projects/1/notes"
        return f"{self.root}/{path}"

    def listed(self) -> list[dict[str, Any]]:
        found = []
        for number, body in self.comments.items():
            entry: dict[str, Any] = {"id": number, "body": body}
            if self.style == "github":
                entry["url"] = f"{self.root}/repos/a/b/issues/comments/{number}"
            found.append(entry)
        return found


class Handler(BaseHTTPRequestHandler):
    server: Forge

    def answer(self, content: object, status: int = 200) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle_any(self) -> None:
        token = self.headers.get("Authorization", "")
        self.server.seen.append((self.command, self.path, token))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length))["body"] if length else ""
        if self.command == "GET":
            self.answer(self.server.listed())
        elif self.command == "POST":
            self.server.comments[len(self.server.comments) + 1] = body
            self.answer({}, 201)
        else:
            self.server.comments[int(self.path.rsplit("/", 1)[1])] = body
            self.answer({})

    do_GET = do_POST = do_PATCH = do_PUT = handle_any

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    server = Forge(request.param)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def comment(url: str, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), url, str(file)],
        env={**os.environ, "NM_TOKEN": "secret", "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_one_comment_is_kept_and_changed(forge: Forge, tmp_path: Path) -> None:
    forge.comments[1] = "somebody else's words"
    file = tmp_path / "budget.md"
    for text in ("first", "second"):
        file.write_text(f"<!-- marker -->\n{text}\n", encoding="utf-8")
        assert comment(forge.url, file).returncode == 0
    assert forge.comments == {1: "somebody else's words", 2: "<!-- marker -->\nsecond\n"}
    assert {token for _, _, token in forge.seen} == {"Bearer secret"}
    methods = [method for method, _, _ in forge.seen]
    assert methods == ["GET", "POST", "GET", "PATCH" if forge.style == "github" else "PUT"]


def test_a_server_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "budget.md"
    file.write_text("<!-- marker -->\n", encoding="utf-8")
    done = comment("http://127.0.0.1:9/comments", file)
    assert done.returncode == 1
    assert "not written" in done.stderr
    assert "Traceback" not in done.stderr
    assert comment("file:///etc/passwd", file).returncode == 1
