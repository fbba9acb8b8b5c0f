"""The endpoints of the Hugging Face Hub that a model's way there and back needs, over real HTTP."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

LARGE = (".safetensors", ".onnx")


@dataclass
class Repository:
    """Its commits, oldest first: an id and the files by path."""

    private: bool
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((commit for commit in self.commits if commit[0] == revision), None)

    def commit(self, files: dict[str, bytes]) -> str:
        digest = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits.append((digest, files))
        return digest


@dataclass
class Hub:
    """A Hub of one user, whose token is ``token``."""

    token: str = "hf_letmein"
    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, files: dict[str, bytes], *, private: bool = False) -> None:
        """A repository that is there already."""
        self.repositories[name] = Repository(private)
        self.repositories[name].commit(files)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub on a free port of this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self._route(
            ("/api/repos/create", self._create),
            ("/api/validate-yaml", lambda: self._json(200, {"warnings": [], "errors": []})),
            (r"/api/models/(.+)/preupload/(.+)", self._preupload),
            (r"/(.+)\.git/info/lfs/objects/batch", self._batch),
            (r"/api/models/(.+)/commit/(.+)", self._commit),
        )

    def do_PUT(self) -> None:
        self._route((r"/large/(\w+)", self._keep))

    def do_GET(self) -> None:
        self._route(
            (r"/api/models/(.+)/tree/([^/]+)", self._tree),
            (r"/api/models/(.+)/revision/(.+)", self._info),
            (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._file),
        )

    do_HEAD = do_GET  # noqa: N815

    def _route(self, *routes: tuple) -> None:
        path = unquote(urlsplit(self.path).path)
        self.body = self._read()
        for pattern, answer in routes:
            if found := re.fullmatch(pattern, path):
                # Uploads of large files go to a signed address, without the token.
                open_to_all = self.command in ("GET", "HEAD", "PUT")
                if not open_to_all and not self._known_user():
                    return self._refuse(401, "", "Invalid username or password.")
                return answer(*found.groups())
        return self._refuse(404, "", f"no such endpoint {path}")

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        status = 409 if name in self.hub.repositories else 200
        if status == 200:
            private = asked.get("visibility") == "private"
            self.hub.add(name, {".gitattributes": b"*.onnx filter=lfs\n"}, private=private)
        self._json(status, {"url": f"{self.hub.address}/{name}", "id": name})

    def _preupload(self, *_: str) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self._json(200, {"files": modes})

    def _batch(self, _: str) -> None:
        objects = []
        for one in json.loads(self.body)["objects"]:
            put = {"upload": {"href": f"{self.hub.address}/large/{one['oid']}"}}
            objects.append(one | ({} if one["oid"] in self.hub.large else {"actions": put}))
        self._json(200, {"transfer": "basic", "objects": objects})

    def _keep(self, digest: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != digest:
            return self._refuse(400, "", "the content is not what was announced")
        self.hub.large[digest] = self.body
        return self._json(200, {})

    def _commit(self, name: str, _: str) -> None:
        repository = self.hub.repositories[name]
        files = dict(repository.commits[-1][1])
        for line in self.body.splitlines():
            operation = json.loads(line)
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        digest = repository.commit(files)
        address = f"{self.hub.address}/{name}/commit/{digest}"
        self._json(200, {"commitUrl": address, "commitOid": digest, "success": True})

    def _info(self, name: str, revision: str) -> None:
        if at := self._at(name, revision):
            siblings = [{"rfilename": path} for path in at[1]]
            self._json(200, {"id": name, "sha": at[0], "siblings": siblings})

    def _tree(self, name: str, revision: str) -> None:
        if at := self._at(name, revision):
            entries = [
                {"type": "file", "path": path, "size": len(held), "oid": _digest(path, held)}
                for path, held in at[1].items()
            ]
            self._json(200, entries)

    def _file(self, name: str, revision: str, path: str) -> None:
        if at := self._at(name, revision):
            held = at[1][path]
            etag = f'"{_digest(path, held)}"'
            headers = {"ETag": etag, "X-Repo-Commit": at[0]}
            if path.endswith(LARGE):
                headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(held))}
            self._send(200, held, headers)

    def _at(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self._known_user()):
            self._refuse(401, "RepoNotFound", "Repository not found")
            return None
        at = repository.at(revision)
        if at is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return at

    def _known_user(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {self.hub.token}"

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def _json(self, status: int, answer: object) -> None:
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _digest(path: str, held: bytes) -> str:
    if path.endswith(LARGE):
        return hashlib.sha256(held).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(held) + held).hexdigest()
