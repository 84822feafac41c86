"""A hub that listens, and a link to it."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.hublink import HubLink
from tests.agent.hublink.scene import Quiet, Server, certificates, handler


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificates(tmp_path_factory.mktemp("pems"))


@pytest.fixture
def server(pems: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    script = Server(ca=str(pems[0]))
    web = Quiet(("127.0.0.1", 0), handler(script))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pems[1])
    web.socket = context.wrap_socket(web.socket, server_side=True)
    script.port = web.server_address[1]
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield script
    script.release.set()
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def link(server: Server) -> Iterator[HubLink]:
    made = HubLink(server.url, server.ca, "", SystemClock(), threading.Event())
    yield made
    made.close()
