"""The server: sockets, threads and headers; what is in an answer is decided elsewhere."""

import ipaddress
import os
import socket
import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Final

from vsr_viewer.page import SERVED_POLICY
from vsr_viewer.server.answering import Answer, Answers
from vsr_viewer.server.live import LiveRuns
from vsr_viewer.server.pages import Pages

PATIENCE: Final = 30
"""Seconds that a browser may take over a request."""

HEADERS: Final = {
    "Content-Security-Policy": SERVED_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""With every answer."""


class RunServer(ThreadingHTTPServer):
    """Shows the runs of a folder.

    Args:
        folder: with runs in it, or a run itself.
        host: the address to listen at.
        port: 0 for any that is free.

    Raises:
        OSError: if the address cannot be taken.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would take a port that is in use
    request_queue_size = 128

    def __init__(self, folder: Path, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        is_near = is_loopback(host)
        hosts = frozenset({"localhost", "127.0.0.1", "[::1]", _bracketed(host)})
        self.answers = Answers(Pages(LiveRuns(folder)), hosts if is_near else None)
        super().__init__((host, port), _Handler)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        host, port = self.server_address[:2]
        return f"http://{_bracketed(str(host))}:{port}/"

    def server_bind(self) -> None:
        """Take the address, without asking the network for the machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, *_: Any) -> None:
        """Say what went wrong in a line; nothing of a browser that left."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            complain(f"an answer failed ({error!r})")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vsr"
    sys_version = ""
    timeout = PATIENCE

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every verb: those that change something are refused in words
            return self._reply
        raise AttributeError(name)

    def _reply(self) -> None:
        answers: Answers = self.server.answers  # type: ignore[attr-defined]  # a RunServer
        try:
            answer = answers.answer(self.command, self.path, dict(self.headers.items()))
        except Exception as error:  # noqa: BLE001 - one page fails, the server goes on
            complain(f"{self.path!r} cannot be shown ({error!r})")
            answer = Answer(500, b"this cannot be shown; the server's terminal says why\n")
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        if answer.status >= 400:
            self.close_connection = True  # a body that was not read may follow
        self.send_response(answer.status, HTTPStatus(answer.status).phrase)
        has_body = answer.status != 304
        if has_body:
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in (HEADERS | dict(answer.headers)).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing of every request."""


def complain(what: str) -> None:
    """Say on the terminal what went wrong; a terminal that is gone changes nothing."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"error: {what}\n")
        sys.stderr.flush()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()
