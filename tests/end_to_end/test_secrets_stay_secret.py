"""Canaries in every place where a secret may stand; none may be found in anything that ingestify says, keeps or names.

Each canary is a different text, so that one that sings says where it came from. What is looked at: stdout and stderr,
with and without --debug; every table of the catalogue; every name and every byte of the lake's folder; what subscribers
are told.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.server
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.end_to_end.running import ingestify

PLACES = (
    "plainkey",  # configuration.api_key
    "nested",  # configuration.login.password
    "listed",  # configuration.tokens[1]
    "env",  # !ENV under a name that says nothing
    "dotenv",  # !ENV of a variable that only the .env file has
    "default",  # the default of an !ENV
    "header",
    "oddheader",
    "bearer",
    "param",
    "authuser",
    "authpass",
    "userinfo",
    "query",
    "subscriber",
    "policy",
)


def canary(place: str) -> str:
    return f"cnry{place}+x/Q7=9%z{len(place)}"


def forms(place: str) -> set[str]:
    """The ways in which a canary can be written."""
    text = canary(place)
    return {
        text,
        urllib.parse.quote(text, safe=""),
        urllib.parse.quote_plus(text),
        urllib.parse.quote(text),
        json.dumps(text)[1:-1],
        repr(text)[1:-1],
        base64.b64encode(text.encode()).decode(),
        f"cnry{place}",  # even a beginning
    }


CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  mine:
    type: secret_source.Mine
    retries: {{attempts: 2, backoff_base_seconds: 0.01, backoff_cap_seconds: 0.02}}
    configuration:
      base_url: {url}
      dead_url: http://127.0.0.1:{dead_port}
      api_key: "{plainkey}"
      login: {{user: someone, password: "{nested}"}}
      tokens: [first-one, "{listed}"]
      account: !ENV "${{CANARY_ENV}}"
      licence: !ENV "${{CANARY_DOTENV}}"
      club_token: !ENV "${{CANARY_NOBODY_SET:{default}}}"
      season: !ENV "${{CANARY_NOBODY_SET:2020/2021}}"
ingestion_plans:
  - source: mine
    dataset_type: match
    fetch_policy: {{type: secret_source.Policy, configuration: {{api_token: "{policy}"}}}}
event_subscribers:
  - type: secret_source.Told
    configuration: {{webhook_secret: "{subscriber}"}}
"""

SOURCE = """
import datetime as dt
import json
import os
import threading
import warnings
from pathlib import Path

from ingestify import DatasetResource, FatalError, FetchPolicy, Source, StopProcessing, Subscriber

HERE = Path(__file__).parent
CANARIES = json.loads(os.environ["CANARIES_OF_THE_TEST"])
AT = dt.datetime(2024, 5, 1)


class Policy(FetchPolicy):
    def __init__(self, api_token):
        self.api_token = api_token


class Told(Subscriber):
    def __init__(self, store, webhook_secret):
        super().__init__(store)
        self.webhook_secret = webhook_secret

    def on_revision_added(self, event):
        with (HERE / "told.txt").open("a") as file:
            file.write(f"{event!r}")
        raise RuntimeError(f"posting with {self.webhook_secret} failed")


def everything(configuration):
    return " ".join(
        [configuration["api_key"], configuration["login"]["password"], configuration["tokens"][1]]
        + [configuration[name] for name in ("account", "licence", "club_token")]
    )


def quoting_loader(file_resource, current_file, configuration):
    raise ValueError(f"GET {file_resource!r} with {vars_of(file_resource)} and {configuration!r} failed")


def vars_of(thing):
    return {name: getattr(thing, name, None) for name in dir(thing) if not name.startswith("_")}


def chained_loader(file_resource, current_file, configuration):
    try:
        raise KeyError(everything(configuration))
    except KeyError as error:
        raise RuntimeError(f"no luck with {everything(configuration)}") from error


class Mine(Source):
    provider = "mine"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        c, base = CANARIES, self.configuration["base_url"]
        behaviour = json.loads((HERE / "behaviour.json").read_text())
        options = {
            "headers": {"X-Api-Key": c["header"], "Authorization": "Bearer " + c["bearer"]},
            "params": {"api_key": c["param"], "season": 1},
        }
        with_user = base.replace("://", "://me:" + c["userinfo"].replace("%", "%25").replace("/", "%2F") + "@")
        query = "?token=" + c["query"].replace("%", "%25").replace("+", "%2B")
        for number, path in enumerate(behaviour["paths"]):
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            if path == "dead":
                url = self.configuration["dead_url"] + "/x.json" + query
                resource.add_file(AT, "events", url=url, http_options=options)
            elif path == "unknown":
                resource.add_file(AT, "events", url="http://nosuch.invalid/x.json" + query, http_options=options)
            elif path == "bad":
                resource.add_file(AT, "events", url="ftp://me:" + c["userinfo"] + "@host/x" + query)
            elif path == "controls":
                resource.add_file(AT, "events", url=base + "/a b" + query + chr(10) + c["query"])
            elif path == "header":
                headers = {"X-Api-Key": c["header"] + chr(10)}
                resource.add_file(AT, "events", url=base, http_options={"headers": headers})
            elif path.startswith("loader"):
                resource.add_file(
                    AT, "events", url=base + "/ok" + query, http_options=options,
                    file_loader=quoting_loader if path == "loader" else chained_loader,
                    loader_kwargs={"configuration": self.configuration},
                )
            else:
                resource.add_file(AT, "events", url=f"{base}/{path}{query}", http_options=options)
                resource.add_file(
                    AT, "lineups", url=f"{with_user}/{path}", http_options={"params": options["params"]}
                )
                extra = {"auth": (c["authuser"], c["authpass"]), "headers": {"X-Club": c["oddheader"]}}
                resource.add_file(AT, "extra", url=f"{base}/{path}", http_options=extra)
            yield resource
        if behaviour.get("thread"):
            warnings.warn(f"old: {everything(self.configuration)}", stacklevel=1)
            thread = threading.Thread(target=quoting_loader, args=(None, None, self.configuration), name="own")
            thread.start()
            thread.join()
        if kind := behaviour.get("raise"):
            error = {"stop": StopProcessing, "fatal": FatalError, "other": ValueError}[kind]
            text = everything(self.configuration)
            self.http.get_json(base + "/ok" + query, **options)
            raise error(f"{text}; {with_user}/x{query} {options!r} {self.configuration!r}")
"""


class _Provider(http.server.BaseHTTPRequestHandler):
    """Answers in every way in which a provider hands back what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind = urllib.parse.urlsplit(self.path).path.strip("/")
        echo = json.dumps({"error": f"not with {self.path} and {dict(self.headers)}"}).encode()
        raw = f"<html>not with {self.path} {dict(self.headers)}".encode()
        match kind:
            case "ok":
                self._answer(200, b'{"fine": [1, 2]}')
            case "unauthorized":
                self._answer(401, echo, {"WWW-Authenticate": f'Basic realm="{self.path}"'})
            case "server-error":
                self._answer(500, raw)
            case "redirect":
                self._answer(302, b"", {"Location": f"http://nosuch.invalid{self.path}"})
            case "redirect-to-file":
                self._answer(302, b"", {"Location": f"file://{self.path}"})
            case "circle":
                self._answer(302, b"", {"Location": self.path})
            case "broken-json":
                self._answer(200, echo[:-5])
            case "html":
                self._answer(200, raw)
            case "error-answer":
                self._answer(200, echo)
            case "cut":
                self._answer(200, echo, {"Content-Length": str(len(echo) + 10)})
            case _:
                self._answer(404, echo)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Project:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead_port = unused.getsockname()[1]
        canaries = {place: canary(place) for place in PLACES}
        (folder / "config.yaml").write_text(CONFIG.format(url=url, dead_port=dead_port, **canaries))
        (folder / "secret_source.py").write_text(SOURCE)
        (folder / ".env").write_text(f"CANARY_DOTENV='{canary('dotenv')}'\n")
        self.environment = {
            "CANARIES_OF_THE_TEST": json.dumps(canaries),
            "CANARY_ENV": canary("env"),
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
        }
        self.said = ""

    def behave(self, *paths: str, **behaviour: str) -> None:
        (self.folder / "behaviour.json").write_text(json.dumps({"paths": paths, **behaviour}))

    def run(self, *arguments: str) -> str:
        ran = ingestify(self.folder, *arguments, environment=self.environment)
        said = f"$ ingestify {' '.join(arguments)}\n{ran.out}{ran.err}"
        self.said += said
        return said

    def kept(self) -> Iterator[tuple[str, str]]:
        """Everything that was written, by where."""
        database = self.folder / "database"
        if (database / "catalog.db").exists():
            with contextlib.closing(sqlite3.connect(database / "catalog.db")) as connection:
                yield "the catalogue", "\n".join(connection.iterdump())
        for path in sorted(database.rglob("*")):
            yield "the name of a file", str(path.relative_to(database))
            if path.is_file():
                raw = path.read_bytes()
                if path.suffix == ".zst":
                    raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
                elif path.suffix == ".gz":
                    raw = gzip.decompress(raw)
                yield f"the file {path.name}", raw.decode("utf-8", "replace")
        told = self.folder / "told.txt"
        if told.exists():
            yield "an event", told.read_text()


def singing(text: str, places: tuple[str, ...] = PLACES) -> list[str]:
    """Each canary in a text, with the line that it is in."""
    lines = text.splitlines()
    return [
        f"{place}: …{line[max(0, line.find(form) - 80) : line.find(form) + 60]}…"
        for place in places
        for form in forms(place)
        for line in lines
        if form in line
    ]


@pytest.fixture
def project(tmp_path: Path, provider: str) -> Project:
    return Project(tmp_path, provider)


FAILURES = (
    "unauthorized", "server-error", "redirect", "redirect-to-file", "circle", "broken-json", "html", "error-answer",
    "cut", "missing", "dead", "unknown", "bad", "controls", "header", "loader", "loader-chained",
)  # fmt: skip


def test_no_canary_sings_whatever_goes_wrong(project: Project) -> None:
    project.behave("ok", *FAILURES)
    assert "failed" in project.run("run", "--debug")
    project.run("run", "-v", "--json")
    for command in ("status", "status --json", "list --json", "quarantine list", "quarantine list --json", "plan -v"):
        project.run(*command.split())
    assert not singing(project.said), chr(10).join(singing(project.said))
    assert "***" in project.said
    kept = list(project.kept())
    assert "the catalogue" in dict(kept)
    assert {"an event", "the name of a file"} <= {where for where, _ in kept}
    # What a provider answers is kept as it is, and these answered with what they were sent.
    answers = [text for where, text in kept if where.startswith("the file ") and "not with" in text]
    assert [f"{where}: {one}" for where, text in kept if text not in answers for one in singing(text)] == []


@pytest.mark.parametrize("kind", ["stop", "fatal", "other"])
def test_no_canary_sings_in_how_a_run_ends(project: Project, kind: str) -> None:
    project.behave(**{"raise": kind}, thread="yes")
    project.run("run", "--debug")
    project.run("status", "--json")
    assert "the thread 'own' died of an error" in project.said
    assert "old: *** " in project.said
    assert singing(project.said) == []
    assert [f"{where}: {one}" for where, text in project.kept() for one in singing(text)] == []
    assert "***" in project.said


URLS = {
    "metadata_url": [
        "postgresql://me:{canary}@127.0.0.1:1/lake",
        "postgresql+psycopg://me:{canary}@nosuch.invalid/lake?sslpassword={canary}",
        "mysql://me:{canary}@127.0.0.1:1/lake",
        "oracle://me:{canary}@host/lake",
        "sqlite://me:{canary}@/x.db",
        "sqlite:////proc/nothing/x.db?password={canary}",
        "no url {canary}",
        "vault+aws://lake?token={canary}",
        "postgresql://me:{canary}@[broken/lake",
        "postgresql://me:{canary}@host:port/lake",
    ],
    "file_url": [
        "s3://me:{canary}@bucket/lake",
        "s3://bucket/lake?secret_access_key={canary}",
        "ftp://me:{canary}@host/lake",
        "https://host/lake?sig={canary}",
        "az://container/lake?sv=1&sig={canary}",
        "me:{canary}@host",
        "vault+gcp://project/secret?token={canary}",
    ],
}


MISTAKES = [
    ("api_key:.*", 'api_key: "{canary}'),  # no quote at its end
    ("api_key:.*", "api_key: *{canary}"),
    ("api_key:.*", "api_key: !{canary} x"),
    ("api_key:.*", "api_key: {{a: {canary}, a: {canary}}}"),
    ("api_key:.*", "api_key: @{canary}"),
    ("api_key:.*", "{canary}"),
    ("api_key:.*", "api_key: 2024-99-{canary}\n      b: 2024-99-99"),
    ("configuration:.*", "configuration: {canary}"),
    ("retries:.*", "retries: {canary}"),
    ("base_url:.*", 'base_url: !ENV "${{NOT_THERE}}{canary}"'),
    ("login:.*", "login: {{password: [{canary}}}"),
    ("sources:", "sources: {canary}"),
    ("main:", "main: {canary}"),
    ("metadata_url:.*", "metadata_url: [{canary}]"),
]

SEVERAL = """
import os, sys
from pathlib import Path
from ingestify import masking
from ingestify.cli.app import run_command_line

for config in sorted(Path("cases").glob("*.yaml")):
    for command in (["config", "check"], ["list"]):
        masking._hidden = ()  # what one case hides must not hide what the next one says
        print(f"== {config.name}", flush=True)
        print(f"== {config.name}", file=sys.stderr, flush=True)
        run_command_line([*command, "--debug", "--config", str(config)])
"""


def test_no_canary_sings_in_a_configuration_that_is_wrong_or_a_lake_that_cannot_be_opened(project: Project) -> None:
    project.behave("ok")
    text = (project.folder / "config.yaml").read_text()
    cases = [(rf"{key}: .*", f'{key}: "{url}"') for key, urls in URLS.items() for url in urls]
    cases += [(line, replacement.replace("{{", "{").replace("}}", "}")) for line, replacement in MISTAKES]
    (project.folder / "cases").mkdir()
    for number, (line, replacement) in enumerate(cases):
        wrong = re.sub(line, lambda _, new=replacement: new.replace("{canary}", "cnrywrong7Q9z"), text, count=1)
        assert "cnrywrong" in wrong
        (project.folder / "cases" / f"{number:02}.yaml").write_text(wrong)
    ran = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stderr.count("Error: ") >= 2 * len(cases) - 6  # `list` opens no source, and need not find every mistake
    assert "cnrywrong" not in ran.stdout + ran.stderr, [
        (part[:3], replacement)
        for part in (ran.stdout + ran.stderr).split("== ")
        if "cnrywrong" in part
        for replacement in [cases[int(part[:2])]]
    ]
    assert singing(ran.stdout + ran.stderr) == []


def test_a_canary_that_sings_is_heard(project: Project) -> None:
    """The test of these tests: each form of each canary is found in the middle of other text."""
    for place in PLACES:
        for form in forms(place):
            assert singing(f"GET http://x/{form}/y") != [], form
    (project.folder / "database").mkdir()
    (project.folder / "database" / f"{canary('env')[:8]}.zst").write_bytes(
        zstandard.ZstdCompressor().compress(canary("param").encode())
    )
    heard = [one for _, text in project.kept() for one in singing(text)]
    assert {one.partition(":")[0] for one in heard} == {"env", "param"}
