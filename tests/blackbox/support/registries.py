# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's docker-registry on loopback, with TLS from the test's own authority, and a token server
whose signatures it accepts."""

import base64
import contextlib
import http.server
import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

import harness


def openssl(*arguments, **options):
    """Runs openssl(1) and returns its output."""
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                          **options).stdout


def make_certificates(directory):
    """ca.crt, and server.crt with server.key for loopback."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA",
            "-keyout", directory / "ca.key", "-out", directory / "ca.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
            "-keyout", directory / "server.key", "-out", directory / "server.csr")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost", encoding="utf-8")
    openssl("x509", "-req", "-in", directory / "server.csr", "-CA", directory / "ca.crt", "-CAkey",
            directory / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", directory / "names",
            "-out", directory / "server.crt")


def free_port():
    """An unused port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TokenServer(http.server.ThreadingHTTPServer):
    """Issues tokens for the right password. `asked` lists the scopes."""

    daemon_threads = True

    def __init__(self, directory, password):
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.directory = directory
        self.password = base64.b64encode(password.encode()).decode()
        self.asked = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.crt", directory / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.host = f"127.0.0.1:{self.server_address[1]}"

    def token(self, scopes):
        """A JSON web token for the scopes, signed with the server's key."""
        def encode(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        certificate = (self.directory / "server.crt").read_text(encoding="ascii")
        header = {"typ": "JWT", "alg": "RS256",
                  "x5c": ["".join(certificate.split("-----")[2].split())]}
        access = [dict(zip(("type", "name", "actions"), scope.split(":"))) for scope in scopes]
        for entry in access:
            entry["actions"] = entry["actions"].split(",")
        now = int(time.time())
        claims = {"iss": "test", "sub": "user", "aud": "test registry", "exp": now + 300,
                  "nbf": now - 10, "iat": now, "jti": str(now), "access": access}
        signed = b".".join(encode(json.dumps(part).encode()) for part in (header, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.directory / "server.key", input=signed)
        return (signed + b"." + encode(signature)).decode()


class TokenHandler(http.server.BaseHTTPRequestHandler):
    """Handles a request for a token."""

    def log_message(self, format, *arguments):
        """Keeps the test output quiet."""

    def do_GET(self):
        """Checks the password; without one, issues a token without permissions, as public
        registries do."""
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        scopes = query.get("scope", [])
        self.server.asked.append(scopes)
        known = self.headers.get("Authorization") == f"Basic {self.server.password}"
        body = json.dumps({"token": self.server.token(scopes if known else [])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def token_server(directory, password):
    """Runs a token server during the block."""
    return harness.serving(TokenServer(directory, password))


def _wait(port, process):
    def answers():
        assert process.poll() is None, "docker-registry has ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    harness.wait_for(answers, what="docker-registry")


@contextlib.contextmanager
def docker_registry(tls=None, tokens=None):
    """Runs docker-registry with its own storage; yields "127.0.0.1:PORT". tls is the directory of
    make_certificates()."""
    port = free_port()
    place = Path(tempfile.mkdtemp(prefix="mlite-registry-", dir="/var/tmp"))
    settings = {"version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(place)}},
                "http": {"addr": f"127.0.0.1:{port}"}}
    if tls:
        settings["http"]["tls"] = {"certificate": str(tls / "server.crt"),
                                   "key": str(tls / "server.key")}
    if tokens:
        settings["auth"] = {"token": {"realm": f"https://{tokens.host}/token",
                                      "service": "test registry", "issuer": "test",
                                      "rootcertbundle": str(tls / "server.crt")}}
    # JSON is YAML.
    (place / "settings.yml").write_text(json.dumps(settings), encoding="utf-8")
    try:
        with subprocess.Popen(["docker-registry", "serve", place / "settings.yml"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                _wait(port, process)
                yield f"127.0.0.1:{port}"
            finally:
                process.terminate()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def with_insecure(workspace, registry):
    """A wrapper command whose /etc says that this registry speaks plain HTTP."""
    settings = workspace / "etc/machinectl-lite"
    settings.mkdir(parents=True)
    (settings / "registries.conf").write_text(
        f'registries = ( {{ name = "{registry.host}"; insecure = true; }} );\n', encoding="utf-8")
    return with_etc(workspace / "etc")


def with_etc(directory):
    """A wrapper command that overlays the files of a directory on /etc."""
    mount = f"mount -t overlay -o ro,lowerdir={shlex.quote(str(directory))}:/etc etc /etc"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            f'{mount} || exit; exec "$@"', "sh"]


def skopeo(*arguments):
    """Runs skopeo without credentials."""
    environment = {**os.environ, "REGISTRY_AUTH_FILE": "/nonexistent"}
    done = subprocess.run(["skopeo", *map(str, arguments)], check=False, capture_output=True,
                          text=True, env=environment, timeout=300)
    assert done.returncode == 0, done
    return done.stdout
