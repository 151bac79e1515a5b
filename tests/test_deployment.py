"""
Tests of the files that the pages about deployment and alerts show.

Most need a program, such as nginx: ``python -m pytest -m engines``. Without it, they
are skipped.
"""

import ast
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from braze_heap.receiver.service import Metrics
from braze_heap.state import SqliteState, SqlState
from braze_heap.testing import FakeHeap
from braze_heap.testing.fake_heap import Status
from tests.cli.conftest import click_event
from tests.cli.test_serve import PATIENCE, TOKEN, Serve, Served, serve
from tests.state.test_postgresql import Server

__all__ = ["serve"]

PAGES = Path(__file__).parents[1] / "docs" / "how-to"


def block(page: str, language: str, name: str = "") -> str:
    """Return the only block of a page in a *language*, whose first line has *name*."""
    text = (PAGES / page).read_text("utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (found,) = [each for each in blocks if name in each.partition("\n")[0]]
    return str(found)


def program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    own = str(Path(sys.executable).parent)
    path = shutil.which(name) or shutil.which(name, path=own)
    return path or pytest.skip(f"needs {name}")


def check(*command: object, folder: Path) -> str:
    """Run a checker, and return what it writes."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# --- Alerts ---------------------------------------------------------------------------


def series() -> list[tuple[str, Mapping[str, str]]]:
    """Return name and labels of all series that a service has at its start."""
    return [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(Metrics().text())
        for sample in family.samples
    ]


RULES = yaml.safe_load(block("alerts.md", "yaml", "rules.yml"))["groups"][0]["rules"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_alert_rules_select_series_that_exist(rule: Any) -> None:
    """A rule with a wrong name or label never fires, and nobody notices."""
    selectors = re.findall(r"(braze_heap_\w+)(?:\{(.*?)\})?", rule["expr"])
    grouped = set(re.findall(r"by \(([^)]*)\)", rule["expr"]))

    assert len(selectors) == 2 - (rule["alert"] == "BrazeHeapFeedAtRisk")
    labels: set[str] = {"job"}
    for name, matchers in selectors:
        for label, text in re.findall(r'(\w+)=~?"(.*?)"', matchers):
            for value in text.split("|"):
                assert any(
                    known == name and having.get(label) == value
                    for known, having in series()
                ), (name, label, value)
        labels.update(*(having for known, having in series() if known == name))
    assert {each for names in grouped for each in names.split(", ")} <= labels


@pytest.mark.parametrize("page", ["alerts.md", "runbook.md", "serve.md"])
def test_pages_name_metrics_that_exist(page: str) -> None:
    """People search for the names of the pages."""
    known = {name for name, _ in series()}
    known |= {"braze_heap_batch_seconds", "braze_heap_invalid_total"}  # no fixed series
    named = re.findall(r"\b(braze_heap_\w+)\b", (PAGES / page).read_text("utf-8"))

    assert {*named} <= known


def test_the_runbook_quotes_messages_that_exist() -> None:
    """People search the log for them. A field, such as a number, may differ."""
    sources = (PAGES.parents[1] / "braze_heap").rglob("*.py")
    messages = " ".join(
        node.value
        for path in sources
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    page = (PAGES / "runbook.md").read_text("utf-8")
    quoted = re.findall(r"`([a-z_]+:? [A-Za-z0-9/ ]+ [A-Za-z0-9/ ]+)`", page)
    fields = re.compile(r"\b\d+\b|/\S+|\bdead_letter: ")

    assert len(quoted) > 5
    for each in quoted:
        assert all(piece in messages for piece in fields.split(each)), each


@pytest.mark.engines
def test_promtool_accepts_and_tests_the_rules(tmp_path: Path) -> None:
    """Each rule fires in its hour, and not before."""
    promtool = program("promtool")
    for name in ("prometheus.yml", "rules.yml", "test.yml"):
        text = block("alerts.md", "yaml", name)
        (tmp_path / text.partition("\n")[0][2:]).write_text(text)

    check(promtool, "check", "config", "prometheus.yml", folder=tmp_path)
    check(promtool, "test", "rules", "braze-heap.test.yml", folder=tmp_path)


# --- Files ----------------------------------------------------------------------------


@pytest.mark.engines
def test_hadolint_finds_nothing_in_the_dockerfile(tmp_path: Path) -> None:
    """hadolint has the advice of Docker, and checks the shell commands."""
    hadolint = program("hadolint")
    (tmp_path / "Dockerfile").write_text(block("deploy-with-docker.md", "dockerfile"))

    check(hadolint, "Dockerfile", folder=tmp_path)


@pytest.mark.engines
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """A misspelled directive would be ignored."""
    systemd = program("systemd-analyze")
    unit = block("deploy-with-systemd.md", "ini")
    own = unit.replace("/opt/braze-heap/bin/braze-heap", sys.executable)
    (tmp_path / "braze-heap.service").write_text(own)

    assert not check(systemd, "verify", "./braze-heap.service", folder=tmp_path).strip()


@pytest.mark.engines
def test_the_manifest_fits_the_schemas_of_kubernetes(tmp_path: Path) -> None:
    """With --strict, a misspelled field is an error."""
    validate = program("kubernetes-validate")
    manifest = block("deploy-on-kubernetes.md", "yaml")
    (tmp_path / "braze-heap.yaml").write_text(manifest)

    said = check(validate, "--strict", "braze-heap.yaml", folder=tmp_path)

    assert said.count("passed") == manifest.count("\nkind:") == 5


def test_the_manifest_gives_requests_time_to_end() -> None:
    """Kubernetes kills a pod after the period of grace, which includes preStop."""
    documents = yaml.safe_load_all(block("deploy-on-kubernetes.md", "yaml"))
    (deployment,) = [each for each in documents if each["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (grace,) = [a for a in container["args"] if a.startswith("--grace=")]
    pause = container["lifecycle"]["preStop"]["exec"]["command"][1]

    assert pod["enableServiceLinks"] is False
    assert int(pause) + int(grace[8:]) < pod["terminationGracePeriodSeconds"]


# --- nginx with TLS -------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Nginx:
    """nginx with the server block of the page, before services on *ports*."""

    def __init__(self, folder: Path, *ports: int) -> None:
        self.port = free_port()
        self.certificate = folder / "cert.pem"
        key = folder / "key.pem"
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        openssl = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out"
        subject = f"{self.certificate} -days 2 -subj /CN=localhost -addext {names}"
        check(program("openssl"), *openssl.split(), *subject.split(), folder=folder)
        site = block("run-behind-nginx.md", "nginx")
        for old, new in {
            "    server 127.0.0.1:8080;": "".join(
                f"    server 127.0.0.1:{port} fail_timeout=1s;\n" for port in ports
            ),
            "    listen [::]:443 ssl;\n": "",
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "server_name currents.example.com": "server_name localhost",
            "/etc/letsencrypt/live/currents.example.com/fullchain.pem": str(
                self.certificate
            ),
            "/etc/letsencrypt/live/currents.example.com/privkey.pem": str(key),
        }.items():
            assert old in site, old
            site = site.replace(old, new)
        user = "user root;\n" * (os.getuid() == 0)
        paths = "".join(
            f"{name}_temp_path {folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"{user}daemon off;\npid {folder}/nginx.pid;\nworker_processes 1;\n"
            f"events {{}}\nhttp {{\naccess_log {folder}/access.log;\n{paths}{site}}}\n"
        )
        command = [program("nginx"), "-p", folder, "-e", folder / "error.log"]
        command += ["-c", folder / "nginx.conf"]
        check(*command, "-t", folder=folder)
        self.process = subprocess.Popen([str(word) for word in command])
        self.folder = folder

    @property
    def url(self) -> str:
        """Return the URL for Braze."""
        return f"https://localhost:{self.port}/braze"

    def simulate(self, *args: object) -> "subprocess.Popen[str]":
        """Start a simulated Braze that trusts the certificate."""
        main = "from braze_heap.cli import main; main()"
        words = [sys.executable, "-c", main, "simulate", self.url, "--json", *args]
        trust = {"SSL_CERT_FILE": str(self.certificate), "BRAZE_TOKEN": TOKEN}
        return subprocess.Popen(
            [str(word) for word in words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **trust},
        )

    def post(self, *pieces: bytes, method: str = "POST", pause: float = 0) -> int:
        """Send a body in *pieces* with a *pause* before each, and return the status."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=PATIENCE, context=context
        )

        def slowly() -> Iterator[bytes]:
            for piece in pieces:
                time.sleep(pause)
                yield piece

        headers = {"Authorization": f"Bearer {TOKEN}"}
        headers["Content-Length"] = str(sum(map(len, pieces)))
        with contextlib.closing(connection):
            connection.request(method, "/any/path", slowly(), headers)
            return connection.getresponse().status

    def wait(self) -> None:
        """Wait until it listens."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.05)

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(PATIENCE)


def body_of(*events: Any, note: str = "") -> bytes:
    """Return a body; JSON whose first value is *note* can be large."""
    return json.dumps({"note": note, "events": events}).encode()


@pytest.mark.engines
def test_nginx_forwards_all_that_braze_sends(serve: Serve, tmp_path: Path) -> None:
    """A large event, a slow upload, and nothing but POST."""
    program("nginx")
    served = serve("--sink", "file:calls.jsonl", "--state", "state.db")
    nginx = Nginx(tmp_path, served.port)
    nginx.wait()
    large = click_event(1) | {"properties": {"link_alias": "x" * 12_000_000}}
    slow = body_of(click_event(2))
    with contextlib.closing(nginx):
        statuses = [
            nginx.post(body_of(large)),
            nginx.post(slow[:10], slow[10:30], slow[30:], pause=1),
            nginx.post(b"x" * 18_000_000),
            nginx.post(method="GET"),
        ]
        served.stop()
        while_stopped = nginx.post(body_of(click_event(3)))

    assert statuses == [200, 200, 413, 403]
    assert while_stopped == 503
    assert "2 events = 2 delivered" in served.lines[-1]


@attrs.frozen
class Failing:
    """
    State of services that can fail.

    Attributes:
        place: Argument of ``--state``.
        is_down: The state fails in the block.
        cause: Text of ``/readyz`` meanwhile.
    """

    place: str
    is_down: Callable[[], contextlib.AbstractContextManager[None]]
    cause: str


@contextlib.contextmanager
def small_disk(tmp_path: Path) -> Iterator[Failing]:
    """Provide a state file on a disk of 2 MB, which a test can fill."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")

    @contextlib.contextmanager
    def is_full() -> Iterator[None]:
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(1 << 12))
        yield
        filler.unlink()

    try:
        yield Failing(str(folder / "state.db"), is_full, "its disk is full")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def database(tmp_path: Path) -> Iterator[Failing]:
    """Provide a state in PostgreSQL, whose server a test can stop."""
    pytest.importorskip("psycopg", reason="needs the extra engines")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, Path(program("initdb")).resolve().parent)
        server.start()

        @contextlib.contextmanager
        def is_stopped() -> Iterator[None]:
            server.stop()
            yield
            server.start()

        yield Failing(server.url("postgres"), is_stopped, "it cannot be written")
        server.stop()


@pytest.mark.engines
@pytest.mark.parametrize("open_state", [small_disk, database])
def test_a_deployment_loses_nothing_and_names_each_failure(
    serve: Serve,
    tmp_path: Path,
    open_state: Callable[[Path], contextlib.AbstractContextManager[Failing]],
) -> None:
    """
    Two services with one state behind nginx with TLS, while Heap is down, the state
    cannot be written, and each service restarts: 0 events lost, 0 twice.
    """
    program("nginx")
    ports = [free_port(), free_port()]
    nginx = Nginx(tmp_path, *ports)
    with (
        contextlib.closing(nginx),
        FakeHeap() as heap,
        open_state(tmp_path) as state,
    ):
        sink = f"heap:?app_id=11&allow_http=1&base_url={heap.url}"

        def start(port: int) -> Served:
            served = serve("--port", port, "--sink", sink, "--state", state.place)
            assert served.port == port
            return served

        services = [start(port) for port in ports]
        nginx.wait()
        braze = nginx.simulate("--events", 3000, "--malformed", 5, "--rate", 150)

        heap.always(Status(503, {"Retry-After": "30"}))
        services[0].read(r"(has to repeat it: .*503)")
        assert_not_ready(services[0], "sink", "it failed a batch")
        heap.always()

        with state.is_down():
            assert services[1].post(click_event(9, time=None)) == 503
            assert_not_ready(services[1], "dead_letter", state.cause)

        for number, port in enumerate(ports):
            assert services[number].stop(signal.SIGTERM) == 0
            services[number] = start(port)
        assert braze.poll() is None  # it sends during all of this

        output, _ = braze.communicate(timeout=240)
        assert braze.returncode == 0, output
        assert len(heap.events) == 3000
        store = SqlState if "//" in state.place else SqliteState
        with store(state.place) as kept:
            assert kept.dead_letter.stats().records == 5
        assert {each.stop() for each in services} == {0}


def assert_not_ready(served: Served, part: str, cause: str) -> None:
    """Check that page, metrics and log name *part* and its *cause*."""
    for _ in range(50):  # the failure is logged shortly before it counts
        status, page = served.ask("GET", "/readyz")
        if status == 503:
            break
        time.sleep(0.1)
    _, metrics = served.ask("GET", "/metrics")

    assert status == 503
    assert f"{part}: {cause}" in page
    assert f'braze_heap_ready{{part="{part}"}} 0.0' in metrics
    served.read(rf"(Not ready \(503\): .*{part}: )")
