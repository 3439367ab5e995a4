"""A lake whose catalogue, files and provider's credentials are secrets in a vault, with the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import ingestify
from tests.support.fake_vault import FakeVault

pytest.importorskip("boto3")

CONFIG = """
main:
  metadata_url: vault+aws://lake/catalogue
  file_url: vault+aws://lake/places#files
sources:
  mine:
    type: my_source.MySource
    configuration:
      - {user: nobody, api_key: vault+aws://lake/token}
      - vault+aws://lake/mine
ingestion_plans:
  - {source: mine, dataset_type: match, fetch_policy: {type: my_source.Policy, configuration: vault+aws://lake/mine}}
event_subscribers:
  - {type: my_source.Told, configuration: {webhook: "vault+aws://lake/places#webhook"}}
"""

SOURCE = """
import logging
from pathlib import Path

from ingestify import DatasetResource, FetchPolicy, Source, Subscriber

HERE = Path(__file__).parent
logger = logging.getLogger("ingestify.my_source")


class MySource(Source):
    provider = "mine"

    def __init__(self, name, user, password, api_key):
        super().__init__(name)
        self.secrets = [user, password, api_key]
        (HERE / "made.txt").write_text(repr(self.secrets))

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        logger.warning("logged in with %s", self.secrets)
        yield DatasetResource({"match_id": 1}, "match").add_file(None, "events", json_content=[])
        if (HERE / "raise").exists():
            raise ValueError(f"{self.secrets} were not accepted")


class Policy(FetchPolicy):
    def __init__(self, user, password):
        pass


class Told(Subscriber):
    def __init__(self, store, webhook):
        super().__init__(store)
        self.webhook = webhook

    def on_revision_added(self, event):
        raise ValueError(f"{self.webhook} said no")
"""

SECRETS = {
    "lake/catalogue": "sqlite:///secret-folder/canary-of-the-catalogue.db\n",
    "lake/places": json.dumps({"files": "file://files/", "webhook": "https://hooks.example/canary-of-the-hook"}),
    "lake/token": "canary-of-the-token",
    "lake/mine": json.dumps({"user": "canary-of-the-user", "password": "canary-of-the-password"}),
}


class Project:
    def __init__(self, folder: Path, vault: FakeVault) -> None:
        self.folder = folder
        self.vault = vault
        self.secrets = dict(SECRETS)
        self.err = ""
        (folder / "config.yaml").write_text(CONFIG)
        (folder / "my_source.py").write_text(SOURCE)
        vault.answer = self._answer

    def _answer(self, _method: str, _path: str, body: dict[str, str]) -> tuple[int, object]:
        if body["SecretId"] not in self.secrets:
            return 400, {"__type": "ResourceNotFoundException", "message": "can't find the specified secret."}
        return 200, {"Name": body["SecretId"], "SecretString": self.secrets[body["SecretId"]]}

    @property
    def asked(self) -> list[str]:
        return sorted(body["SecretId"] for _, _, body in self.vault.requests)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self.vault.requests.clear()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.vault.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.folder / "no_aws_config"),
        }
        ran = ingestify(self.folder, *arguments, environment=environment)
        self.err = ran.err
        assert ran.code == code, ran.out + ran.err
        assert "canary" not in ran.out + ran.err
        return ran.out


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    vault = FakeVault()
    yield Project(tmp_path, vault)
    vault.close()


def test_a_lake_is_opened_with_its_secrets_each_read_once_and_none_shown(project: Project):
    project("run", "--debug")
    assert project.asked == sorted(SECRETS)
    assert "logged in with" in project.err
    assert "said no" in project.err
    assert (project.folder / "made.txt").read_text() == repr(
        ["canary-of-the-user", "canary-of-the-password", "canary-of-the-token"]
    )
    # Relative paths of secrets are below the config file's folder too.
    assert (project.folder / "secret-folder" / "canary-of-the-catalogue.db").exists()
    assert "match_id=1" in project("list")

    (project.folder / "raise").touch()
    project("run", "--debug", code=1)
    assert "were not accepted" in project.err

    # The next run reads what is there by then.
    project.secrets["lake/token"] = "canary-of-another-token"
    project("run", code=1)
    assert "canary-of-another-token" in (project.folder / "made.txt").read_text()


def test_checking_the_configuration_needs_no_network_unless_it_is_asked_to(project: Project):
    project("config", "check")
    assert "4 secrets in vaults not looked up (--secrets does)" in project.err
    assert project.asked == []
    assert not (project.folder / "made.txt").exists()

    project("config", "check", "--secrets")
    assert "4 secrets in vaults looked up" in project.err
    assert project.asked == sorted(SECRETS)
    assert sorted(path.name for path in project.folder.iterdir() if path.is_dir()) in ([], ["__pycache__"])

    del project.secrets["lake/mine"]
    project("config", "check", "--secrets", code=1)
    assert "sources.mine.configuration[1]: The secret vault+aws://lake/mine cannot be read" in project.err
    assert "there is no such secret" in project.err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vault+aws://lake/token", "vault+asw://lake/token", "nothing reads vault+asw://; there are vault+aws://"),
        ("vault+aws://lake/token", '"vault+aws://lake/token?regin=x"', "no option 'regin'; there is profile, region"),
        ("{webhook:", "{webhok:", "Told' cannot be made from its configuration (webhok)"),
        ("my_source.Policy", "my_source.Plicy", "did you mean 'Policy'?"),
    ],
)
def test_what_can_be_told_without_the_vault_is(project: Project, old: str, new: str, message: str):
    (project.folder / "config.yaml").write_text(CONFIG.replace(old, new))
    project("config", "check", code=1)
    assert message in project.err
    assert project.asked == []


def test_reading_needs_the_secrets_of_the_lake_alone(project: Project):
    project("run")
    del project.secrets["lake/mine"], project.secrets["lake/token"]
    reading = "import ingestify; print(len(ingestify.get_datastore('config.yaml').get_dataset_collection()))"
    environment = {**os.environ, "AWS_ENDPOINT_URL_SECRETS_MANAGER": project.vault.url, "AWS_ACCESS_KEY_ID": "testing"}
    environment |= {"AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1"}
    ran = subprocess.run(
        [sys.executable, "-c", reading], cwd=project.folder, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "1"
