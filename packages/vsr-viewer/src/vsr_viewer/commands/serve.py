"""`python -m vsr_train serve [RUNS]`: all runs of a folder in a browser, as they go on."""

import argparse
import errno
import socket
from collections.abc import Sequence
from contextlib import suppress

from vsr_files import expanded, printable
from vsr_viewer.commands.running import RefusedError, guarded
from vsr_viewer.server import RunServer, is_loopback

HOST, PORT = "127.0.0.1", 8017
LAST_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command until Ctrl-C; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m vsr_train serve",
        description="Show the runs of a folder in a browser, as they go on. Nothing is changed.",
    )
    parser.add_argument("runs", metavar="RUNS", nargs="?", default="runs", help="their folder")
    parser.add_argument(
        "--port", type=_port, default=PORT, help=f"{PORT} where left out; 0 takes any that is free"
    )
    parser.add_argument(
        "--host", metavar="ADDRESS", default=HOST,
        help=f"the address to listen at; {HOST} where left out, which this machine alone reaches",
    )  # fmt: skip
    chosen = parser.parse_args(arguments)
    return guarded(lambda: serve(chosen.runs, chosen.host, chosen.port))


def serve(runs: str, host: str, port: int) -> None:
    """Serve until Ctrl-C.

    Raises:
        RefusedError: if the folder is not there or the address cannot be taken.
    """
    folder = expanded(runs)
    is_there = False
    with suppress(OSError, ValueError):
        is_there = folder.is_dir()
    if not is_there:
        raise RefusedError(
            f"{printable(runs)!r} is no folder; name the one that runs are in, see run.dir"
        )
    try:
        server = RunServer(folder, host, port)
    except (OSError, UnicodeError) as error:
        raise RefusedError(_refusal(error, host, port)) from error
    with server, suppress(KeyboardInterrupt):
        print(f"{printable(folder)}: {server.address} (Ctrl-C ends it)", flush=True)
        if not is_loopback(host):
            print(
                "warning: whoever reaches this machine can look at these runs; leave --host out to "
                "keep them to yourself",
                flush=True,
            )
        server.serve_forever()


def _refusal(error: Exception, host: str, port: int) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} is taken; give another with --port, or --port 0 for any that is free"
    if number in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be used; give one from 1024 on with --port"
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return f"{printable(host)!r} is no address of this machine; give one of its own with --host"
    return f"port {port} of {printable(host)!r} cannot be taken ({error})"


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to {LAST_PORT}")
