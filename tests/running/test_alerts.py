"""Somebody outside is told: by a command, a webhook in its service's form, or an e-mail."""

import json
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.running.alert_target import (
    Target,
    command_target,
    email_target,
    form_of,
    read_targets,
    targets_path,
    webhook_target,
    write_targets,
)
from cloudgpu.running.alerts import send


@pytest.fixture
def service():
    """A webhook on loopback; `heard` holds what it was sent, `status` what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.heard.append((body, dict(self.headers)))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/hook/secret-part"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("form", "key"), [("slack", "text"), ("discord", "content"), ("json", "message")])
def test_a_webhook_is_told_in_the_form_that_its_service_reads(service, form, key):
    assert send(Target(webhook=service.url, form=form), "80 % used") is None
    ((body, _),) = service.heard
    assert json.loads(body) == {key: "80 % used"}


def test_ntfy_reads_plain_text_under_a_title(service):
    assert send(Target(webhook=service.url, form="ntfy"), "80 % used") is None
    ((body, headers),) = service.heard
    assert (body.decode(), headers["Title"]) == ("80 % used", "cloudgpu")


def test_a_webhook_that_refuses_is_said_without_its_secret_address(service):
    service.status = 404
    why = send(Target(webhook=service.url, form="slack"), "x")
    assert "404" in why
    assert "secret-part" not in why + Target(webhook=service.url, form="slack").shown


def test_nobody_there_is_a_sentence_and_no_traceback():
    assert "cannot be reached" in send(Target(webhook="http://127.0.0.1:9/x", form="json"), "x")


def test_a_command_finds_the_message_in_its_environment(tmp_path):
    heard = tmp_path / "heard"
    assert send(Target(command=f'printf %s "$CLOUDGPU_ALERT" > {heard}'), "it's 100 % used") is None
    assert heard.read_text() == "it's 100 % used"
    assert "ended with 3" in send(Target(command="exit 3"), "x")


def test_email_without_a_server_says_which_setting_is_missing():
    assert "CLOUDGPU_SMTP" in send(Target(email="me@example.org"), "x")


def test_email_goes_through_the_server_that_was_given():
    import socketserver

    lines = []

    class Smtp(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            data = False
            for raw in self.rfile:
                line = raw.decode().rstrip("\r\n")
                lines.append(line)
                if data:
                    data = line != "."
                    self.wfile.write(b"" if data else b"250 ok\r\n")
                elif line.upper() == "DATA":
                    data = True
                    self.wfile.write(b"354 go\r\n")
                else:
                    self.wfile.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Smtp) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert send(Target(email="me@example.org"), "80 % used", f"smtp://127.0.0.1:{server.server_address[1]}") is None
    assert "Subject: 80 % used" in lines
    assert "To: me@example.org" in lines


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"), ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://ntfy.sh/mine", "ntfy"), ("https://example.org/hook", "json"),
    ],
)  # fmt: skip
def test_the_form_is_told_by_the_address(url, form):
    assert form_of(url) == form


@pytest.mark.parametrize("url", ["", "example.org", "ftp://example.org/x", "https://"])
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(UsageError):
        form_of(url)


@pytest.mark.parametrize("host", ["evil-ntfy.sh", "notdiscord.com"])
def test_a_host_that_only_ends_like_a_known_one_is_not_taken_for_it(host):
    assert form_of(f"https://{host}/x") == "json"


@pytest.mark.parametrize(
    "url", ["http://x:port/y", "http://[::1/y", "https://exa mple.org/x", "https://hooks.slack.com/"]
)
@pytest.mark.parametrize("form", [None, "slack"])
def test_what_can_be_no_webhook_is_refused_whatever_its_form(url, form):
    with pytest.raises(UsageError):
        webhook_target(url, form)


def test_a_form_that_nobody_reads_is_refused():
    with pytest.raises(UsageError, match="no form"):
        webhook_target("https://example.org/x", "pager")


@pytest.mark.parametrize("address", ["me@example.org", "first.last+tag@mail.example.org", "root@localhost"])
def test_an_address_is_taken(address):
    assert email_target(address).email == address


@pytest.mark.parametrize(
    "address", ["", "nobody", "me@", "@x", "a b@x.org", "me@x..org", "Me <me@x.org>", "a@x.org,b@x.org", "me@x.org\n"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match="no e-mail address"):
        email_target(address)


@pytest.mark.parametrize("command", ["exit 3", 'FOO=1 printf "$X"', "(cd / && ls)", "if true; then ls; fi", "/bin/ls"])
def test_a_command_that_the_shell_can_run_is_taken(command):
    assert command_target(command).command == command


def test_a_command_beside_the_user_is_kept_with_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tell.sh").touch(mode=0o755)
    assert command_target("./tell.sh now").command == f"{tmp_path}/tell.sh now"


@pytest.mark.parametrize(
    ("command", "words"),
    [("", "empty"), (" ", "empty"), ("echo 'x", "cannot read"), ("if true", "cannot read"),
     ("no-such-program --now", "no program"), ("~/no/such/file", "no program")],
)  # fmt: skip
def test_a_command_that_can_only_fail_is_refused(command, words):
    with pytest.raises(UsageError, match=words):
        command_target(command)


@pytest.mark.parametrize("server", [None, "", "mail.example.org", "http://example.org", "smtp://x:port", "smtp://"])
def test_what_is_no_mail_server_is_said_and_nothing_is_sent(server):
    assert "CLOUDGPU_SMTP names no mail server" in send(Target(email="me@example.org"), "x", server)


def test_a_target_is_known_by_something_that_does_not_tell_it():
    one, other = (Target(webhook=f"https://example.org/{name}", form="json") for name in ("one", "other"))
    assert one.fingerprint == Target(webhook="https://example.org/one", form="slack").fingerprint != other.fingerprint
    assert "example" not in one.fingerprint


def test_targets_are_kept_for_their_owner_alone(tmp_path):
    targets = [Target(command="say hello"), Target(webhook="https://ntfy.sh/mine", form="ntfy")]
    write_targets(tmp_path / "new", targets)
    assert read_targets(tmp_path / "new") == targets
    assert stat.S_IMODE(targets_path(tmp_path / "new").stat().st_mode) == 0o600
    assert read_targets(tmp_path / "other") == []


def test_a_broken_file_of_targets_is_one_clear_sentence(tmp_path):
    targets_path(tmp_path).write_text("[{]")
    with pytest.raises(BadFileError, match="cannot be read"):
        read_targets(tmp_path)
