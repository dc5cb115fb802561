"""A Hub on this machine: its api and resolve routes, ranges, redirects, and everything that goes wrong with them."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

SHA = "1a2b3c4d5e6f7890123456789012345678901234"


@dataclass
class Hub:
    """`repos` maps owner/name to a folder. `trouble` names what goes wrong; `token` opens gated repositories."""

    repos: dict[str, Path] = field(default_factory=dict)
    trouble: str = ""
    token: str | None = None
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    sent_bytes: int = 0
    url: str = ""
    failures_left: int = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def log_message(self, *_):
        pass

    def _answer(self, *, with_body):
        hub: Hub = self.server.hub
        path = unquote(urlparse(self.path).path)
        hub.asked.append((self.command, path, self.headers.get("Range")))
        if hub.failures_left:
            hub.failures_left -= 1
            return self._status(500, with_body=with_body)
        if hub.trouble in ("500", "429", "503"):
            return self._status(int(hub.trouble), with_body=with_body)
        if path.startswith("/api/models/"):
            repo, tree, _ = path.removeprefix("/api/models/").partition("/tree/")
            return self._info(hub, repo.split("/revision/")[0], with_body, as_tree=bool(tree))
        if path.startswith("/storage/"):
            owner, name, file = path.removeprefix("/storage/").split("/", 2)
            return self._file(hub, hub.repos[f"{owner}/{name}"] / file, with_body)
        repo, _, rest = path.lstrip("/").partition("/resolve/")
        return self._resolve(hub, repo, rest.partition("/")[2], with_body)

    def _info(self, hub, repo, with_body, *, as_tree=False):
        if hub.trouble == "bad token":
            reason = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self._status(401, reason, with_body=with_body)
        if repo not in hub.repos:
            return self._status(401, {"X-Error-Code": "RepoNotFound"}, with_body=with_body)
        files = sorted(file.name for file in hub.repos[repo].iterdir())
        info = {"_id": "1", "id": repo, "sha": SHA, "siblings": [{"rfilename": name} for name in files], "gated": False}
        info["config"] = {}
        if as_tree:
            info = [{"type": "file", "path": name} for name in files]
        return self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"}, with_body)

    def _resolve(self, hub, repo, file, with_body):
        if repo not in hub.repos:
            return self._status(401, {"X-Error-Code": "RepoNotFound"}, with_body=with_body)
        if hub.trouble == "gated" and self.headers.get("Authorization") != f"Bearer {hub.token}":
            code = 403 if self.headers.get("Authorization") else 401
            return self._status(code, {"X-Error-Code": "GatedRepo"}, with_body=with_body)
        path = hub.repos[repo] / file
        if not path.is_file():
            return self._status(404, {"X-Error-Code": "EntryNotFound"}, with_body=with_body)
        if file.endswith(".json"):
            return self._file(hub, path, with_body)
        size = str(path.stat().st_size)
        head = {"Location": f"/storage/{repo}/{file}", "X-Linked-Size": size, "X-Linked-ETag": f'"{file}"'}
        return self._send(302, b"", head | {"X-Repo-Commit": SHA}, with_body)

    def _file(self, hub, path, with_body):
        size = path.stat().st_size
        start, end, status, headers = 0, size, 200, {"X-Repo-Commit": SHA, "ETag": f'"{path.name}"'}
        wanted = self.headers.get("Range")
        if wanted and hub.trouble != "no ranges":
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(int(last or size) + 1, size), 206
            if start >= size:
                return self._status(416, with_body=with_body)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(end - start) if with_body else b""
        headers["Content-Length"] = str(end - start)
        if hub.trouble == "cut body":
            data, self.close_connection = data[: len(data) // 2], True
        return self._send(status, data, headers, with_body)

    def _status(self, status, headers=None, *, with_body):
        self._send(status, b"{}", headers or {}, with_body)

    def _send(self, status, data, headers, with_body):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.server.hub.sent_bytes += len(data)
            self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up in the middle of a file is what ranges are for."""


def start_hub():
    """(the hub, what stops it)."""
    hub = Hub()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = hub
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def stop():
        server.shutdown()
        server.server_close()
        thread.join()

    return hub, stop
