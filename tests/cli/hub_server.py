"""A small server with the interface of Hugging Face's hub, which can be told to misbehave."""

import contextlib
import hashlib
import http.server
import json
import re
import threading


class HubServer:
    """Serves `files` (path to bytes) of the repository org/repo at .endpoint.

    Faults: .failures answers with 503 are given first; with .cut_at, answers end after so many
    bytes, that often; .corrupt changes a byte; .no_ranges gives files as a whole; .token is
    demanded; .extra_entries are added to the list of files. .served counts bytes of files.
    """

    def __init__(self, files):
        self.files = files
        self.failures = 0
        self.cuts = 0
        self.cut_at = 0
        self.corrupt = False
        self.no_ranges = False
        self.token = None
        self.extra_entries = []
        self.served = 0
        self.lock = threading.Lock()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hub.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def entries(self):
        out = [{"type": "directory", "path": "folder", "oid": "0" * 40, "size": 0}]
        for path, data in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry = {"type": "file", "path": path, "size": len(data), "oid": blob}
            if path.endswith((".gguf", ".safetensors")):
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
            out.append(entry)
        return out + self.extra_entries

    def answer(self, request):
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(request, 401, b"who are you?")
        if request.path == "/api/models/org/repo/tree/main?recursive=true":
            return self.send(request, 200, json.dumps(self.entries()).encode())
        path = request.path.removeprefix("/org/repo/resolve/main/")
        if path not in self.files:
            return self.send(request, 404, b"Entry not found")
        with self.lock:
            self.failures -= 1
            if self.failures >= 0:
                return self.send(request, 503, b"busy")
        return self.send_file(request, self.files[path])

    def send_file(self, request, data):
        if self.corrupt:
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        code = 200
        if wanted and not self.no_ranges:
            code = 206
            data = data[int(wanted[1]) : int(wanted[2]) + 1]
        with self.lock:
            self.cuts -= 1
            is_cut = self.cuts >= 0
            self.served += min(len(data), self.cut_at) if is_cut else len(data)
        self.send(request, code, data, self.cut_at if is_cut else None)

    def send(self, request, code, data, cut_at=None):
        request.send_response(code)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        with contextlib.suppress(ConnectionError):  # the client has read enough
            request.wfile.write(data[:cut_at])
        if cut_at is not None:
            request.close_connection = True
