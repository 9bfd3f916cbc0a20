"""The server shows runs and nothing else, changes nothing, and says little where nothing is new."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viewer.run_folders import NOW, rows_of, write_rows, write_run, write_strip
from viewer.sound_html import Sound

from vsr_train.__main__ import main
from vsr_viewer.server import RunServer, is_loopback
from vsr_viewer.server import live as live_module
from vsr_viewer.server.answering import Answers, host_of
from vsr_viewer.server.live import LiveRun, LiveRuns
from vsr_viewer.server.pages import PATIENCE, Pages

MARK = "nobody may read this"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of runs, with secrets beside it, in it, and behind links."""
    root = tmp_path_factory.mktemp("serving")
    runs = root / "runs"
    write_run(runs / "demo", steps=200, max_steps=400, side=48)
    write_run(runs / "été & <b>", steps=100, side=32)
    outside = write_run(root / "outside", steps=100, side=32)
    for place in (root, runs, runs / "demo", outside):
        (place / "secret.txt").write_text(MARK)
    (runs / "linked").symlink_to(outside)
    (runs / "demo" / "diagnosis.md").symlink_to(root / "secret.txt")
    return runs


class Client:
    """Asks a server over a socket."""

    def __init__(self, server):
        self.server = server

    def __call__(self, target, method="GET", **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(*self.server.server_address[:2], timeout=20)
        try:
            connection.putrequest(method, target, skip_host="host" in sent)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def raw(self, content):
        with socket.create_connection(self.server.server_address[:2], timeout=20) as connection:
            connection.sendall(content)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def serving(folder):
    server = RunServer(folder, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    return server, thread


@pytest.fixture(scope="module")
def ask(root):
    server, thread = serving(root)
    yield Client(server)
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_list_has_every_run_and_none_that_a_link_brings_in(ask):
    status, _, body = ask("/")
    text = Sound(body.decode()).text
    assert status == 200
    assert "2 runs" in text
    assert "demo" in text
    assert "été & <b>" in text
    assert "linked" not in text


def test_a_run_has_its_page_and_the_page_its_pictures(ask):
    for name in ("demo", "été & <b>"):
        status, headers, body = ask(f"/runs/{quote(name)}/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        sound = Sound(body.decode())
        pictures = {each for each in sound.addresses if each.startswith("/pictures/")}
        assert len(pictures) >= 6
        assert sound.addresses - pictures == {"/", "/page.css", "/page.js", "data:"}
        for address in pictures:
            status, headers, content = ask(address)
            assert (status, headers["Content-Type"]) == (200, "image/webp")
            assert "immutable" in headers["Cache-Control"]
            assert (content[:4], content[8:12]) == (b"RIFF", b"WEBP")


def test_runs_are_compared_over_the_network_too(ask):
    status, _, body = ask(f"/compare?run=demo&run={quote('été & <b>')}")
    assert status == 200
    assert "2 runs side by side" in Sound(body.decode()).text
    assert ask("/compare?run=demo&run=no-such-run")[0] == 404
    assert ask("/compare")[0] == 404


PARTS = st.sampled_from([
    "..", ".", "%2e%2e", "%2E.", "..%2f", "%2f", "%5c", "..\\", "\\", "demo", "runs", "pictures",
    "linked", "secret.txt", "settings.toml", "checkpoints", "step-000000200.pt", "metrics.jsonl",
    "best.safetensors", "%00", "secret.txt%00", "C:", "C:%5c", "con", "NUL", "aux.txt", "~",
    "etc", "passwd", "%c0%ae%c0%ae", "%252e%252e", "file:", "report.html", "diagnosis.md",
    "", " ", "%20", "%", "%zz", "demo%00", "demo.", "DEMO", "?run=..", "#", ";", "page.css%2f..",
])  # fmt: skip
PATHS = st.lists(PARTS, max_size=7).map("/".join)


@given(
    path=PATHS,
    lead=st.sampled_from(["/", "//", "", "/runs/", "/runs/demo/", "/pictures/", "http://x/"]),
)
def test_no_path_leads_to_a_file(ask, path, lead):
    target = (lead + path).replace(" ", "%20").partition("#")[0] or "/"
    status, _, body = ask(target, host="localhost")
    assert MARK.encode() not in body
    assert b"secret checkpoint" not in body
    assert b"root:" not in body
    # several slashes at the beginning are one, so that no answer can lead to another machine
    is_page = re.fullmatch(r"/+(runs/demo/)?(\?.*)?", target)
    assert status == (200 if is_page else 404), target


@given(st.binary(max_size=80).filter(lambda each: b"\n" not in each and b"\r" not in each))
def test_any_bytes_as_a_target_are_answered(ask, target):
    answer = ask.raw(
        b"GET /" + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert MARK.encode() not in answer
    assert not answer or re.match(rb"HTTP/1.[01] (200|400|404|414|505) |<!DOCTYPE HTML>", answer)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"]
)
def test_only_looking_is_allowed(ask, method):
    for target in ("/", "/runs/demo/", "/nothing"):
        status, headers, _ = ask(target, method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_body_that_was_not_asked_for_is_not_taken_for_the_next_request(ask):
    answer = ask.raw(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n"
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("target", ["/", "/runs/demo/", "/page.js", "/nothing"])
def test_head_is_get_without_its_content(ask, target):
    status, headers, body = ask(target)
    just_headers = ask(target, "HEAD")
    drop = {"Date"}
    assert just_headers[0] == status
    assert just_headers[2] == b""
    assert {n: v for n, v in just_headers[1].items() if n not in drop} == {
        n: v for n, v in headers.items() if n not in drop
    }
    assert int(headers["Content-Length"]) == len(body)


@pytest.mark.parametrize("target", ["/", "/runs/demo/", "/page.css", "/nothing"])
def test_every_answer_forbids_what_is_not_needed(ask, target):
    for method in ("GET", "POST"):
        headers = ask(target, method)[1]
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; img-src 'self' data:; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Python" not in headers["Server"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:99", 200), ("127.0.0.1:8017", 200), ("[::1]:1", 200),
        ("evil.example", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
        ("", 403), ("evil.example:8017", 403), ("[::1].evil", 403),
    ],
)  # fmt: skip
def test_a_name_that_somebody_else_gave_this_machine_is_refused(ask, host, status):
    assert ask("/", host=host)[0] == status


def test_where_others_may_look_any_name_is_answered(root):
    anywhere = Answers(Pages(LiveRuns(root)), None)
    assert anywhere.answer("GET", "/", {"Host": "studio.example"}).status == 200
    assert [is_loopback(each) for each in ("127.0.0.1", "::1", "localhost", "::", "x")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert host_of("[::1]:80") == "[::1]"


def test_what_has_not_changed_is_not_sent_again(tmp_path):
    folder = write_run(tmp_path / "runs" / "demo", steps=200, side=32)
    server, thread = serving(tmp_path / "runs")
    try:
        ask = Client(server)
        for target in ("/", "/runs/demo/", "/compare?run=demo", "/page.js"):
            tag = ask(target)[1]["ETag"]
            status, headers, body = ask(target, If_None_Match=f'"x", W/{tag}')
            assert (status, headers["ETag"], body) == (304, tag, b"")
        tag = ask("/runs/demo/")[1]["ETag"]
        write_rows(folder, rows_of(300)[-12:], "a")
        status, headers, body = ask("/runs/demo/", If_None_Match=tag)
        assert (status, headers["ETag"] != tag) == (200, True)
        assert "step 300 of 400" in Sound(body.decode()).text
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answers_of(folder, clock=lambda: 0.0, now=lambda: NOW):
    answers = Answers(Pages(LiveRuns(folder, clock), now, clock), None)
    return lambda target: answers.answer("GET", target, {})


def test_runs_come_and_go(tmp_path):
    seconds = iter(range(0, 10_000, 5))
    ask = answers_of(tmp_path, lambda: next(seconds))
    assert "No run is here yet" in ask("/").body.decode()
    write_run(tmp_path / "new", steps=100, side=32)
    assert "1 run " in Sound(ask("/").body.decode()).text
    assert ask("/runs/new/").status == 200
    shutil.rmtree(tmp_path / "new")
    assert ask("/runs/new/").status == 404
    assert "No run is here yet" in ask("/").body.decode()


def test_only_what_changed_is_read_again(tmp_path, monkeypatch):
    folder = write_run(tmp_path / "demo", steps=100, side=32)
    ask, read = answers_of(tmp_path), []
    from vsr_viewer.record import RunReader

    original = RunReader.read
    monkeypatch.setattr(RunReader, "read", lambda self: read.append(1) or original(self))
    for _ in range(5):
        assert ask("/").status == ask("/runs/demo/").status == 200
    assert len(read) == 1
    write_rows(folder, rows_of(110)[-1:], "a")
    for _ in range(5):
        ask("/"), ask("/runs/demo/")
    assert len(read) == 2


def test_a_run_falls_quiet_though_no_file_changes(tmp_path):
    write_run(tmp_path / "demo", steps=100, side=32)
    now = [NOW]
    ask = answers_of(tmp_path, now=lambda: now[0])
    for target in ("/", "/runs/demo/"):
        assert "running" in Sound(ask(target).body.decode()).text
    now[0] += 10_000
    for target in ("/", "/runs/demo/"):
        assert "quiet" in Sound(ask(target).body.decode()).text


def test_a_long_list_is_read_bit_by_bit(tmp_path):
    for i in range(6):
        write_run(tmp_path / f"run-{i}", steps=100, side=32, clips=())
    seconds = [0.0]

    def clock():
        seconds[0] += PATIENCE / 2
        return seconds[0]

    ask = answers_of(tmp_path, clock)
    unread = [ask("/").body.count(b"being read") for _ in range(8)]
    assert unread[0] > 0
    assert unread == sorted(unread, reverse=True)
    assert unread[-1] == 0


def test_few_runs_stay_in_memory_and_all_can_be_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "MOST_READERS", 2)
    for i in range(5):
        write_run(tmp_path / f"run-{i}", steps=100, side=32, clips=())
    forgotten = []
    forget = LiveRun.forget
    monkeypatch.setattr(LiveRun, "forget", lambda run: forgotten.append(run) or forget(run))
    ask = answers_of(tmp_path)
    for _ in range(2):
        assert [ask(f"/runs/run-{i}/").status for i in range(5)] == [200] * 5
    assert len(forgotten) == 3  # pages that are kept need no reading


def test_many_browsers_at_once_see_the_same(ask):
    targets = ["/", "/runs/demo/", "/compare?run=demo", "/page.css"] * 12
    with ThreadPoolExecutor(12) as browsers:
        answers = list(browsers.map(ask, targets))
    for target in set(targets):
        found = {
            body for each, (_, _, body) in zip(targets, answers, strict=True) if each == target
        }
        assert len(found) == 1
    assert {status for status, _, _ in answers} == {200}


def test_a_run_that_is_written_and_deleted_while_it_is_looked_at_never_fails(tmp_path, capfd):
    runs = tmp_path / "runs"
    runs.mkdir()
    ended = threading.Event()

    def train():
        for turn in range(4):
            folder = write_run(runs / "demo", steps=100, side=24, clips=("a",))
            for step in range(200, 500, 100):
                write_rows(folder, rows_of(step)[-12:], "a")
                write_strip(folder, "a", step, side=24, wrong=turn + step // 50)
                (folder / "about.json").write_text(json.dumps({"network": turn})[: step // 20])
            shutil.rmtree(folder)
        ended.set()

    server, thread = serving(runs)
    trainer = threading.Thread(target=train)
    try:
        ask, statuses = Client(server), set()
        trainer.start()
        while not ended.is_set():
            for target in ("/", "/runs/demo/", "/compare?run=demo"):
                statuses.add(ask(target)[0])
    finally:
        trainer.join()
        server.shutdown()
        server.server_close()
        thread.join()
    assert statuses <= {200, 404}
    assert capfd.readouterr().err == ""


def test_a_browser_that_leaves_is_no_trouble(ask, capfd):
    for content in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: loc", b"\0\0\0\r\n\r\n"):
        with socket.create_connection(ask.server.server_address[:2], timeout=20) as connection:
            connection.sendall(content)
    assert ask("/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_that_is_taken_is_one_message(root, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(root), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"error: port {port} is taken; give another with --port, or --port 0 for any that is free\n"
    )


def test_ctrl_c_ends_it_with_success(root):
    command = [sys.executable, "-m", "vsr_train", "serve", str(root), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as process:  # fmt: skip
        line = process.stdout.readline()
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/runs/demo/", headers={"Connection": "close"})
        with connection.getresponse() as answer:
            assert answer.status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_run_itself_can_be_served_alone(root):
    ask = answers_of(root / "demo")
    assert "1 run " in Sound(ask("/").body.decode()).text
    assert ask("/runs/demo/").status == 200


def test_names_of_any_bytes_have_an_address(tmp_path):
    name = os.fsdecode(b"run-\xff%")
    write_run(tmp_path / name, steps=100, side=32)
    ask = answers_of(tmp_path)
    page = ask("/").body.decode()
    address = re.search(r'href="(/runs/[^"]+)"', page)[1]
    assert address == "/runs/run-%FF%25/"
    assert ask(address).status == 200
    assert "run-\\udcff%" in Sound(page).text


def test_a_page_that_fails_is_said_and_the_others_are_shown(ask, monkeypatch, capfd):
    monkeypatch.setattr(Pages, "run", lambda self, name: 1 / 0)
    status, _, body = ask("/runs/demo/")
    assert status == 500
    assert b"Traceback" not in body
    assert ask("/")[0] == 200
    err = capfd.readouterr().err
    assert err == "error: '/runs/demo/' cannot be shown (ZeroDivisionError('division by zero'))\n"
