"""Several servers: their requirements, the order of their start, and their environments."""

from pathlib import Path

import pytest

from aeflow.errors import ConfigError
from infra.credentials import Credentials
from infra.parts import Part, parts_of
from infra.postgres import Postgres
from infra.redis import Redis
from infra.replicas import Replicas, find_replicas
from infra.settings import Settings

SECRET = Credentials("admin:of-the-api", "of-postgres", "of-redis")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings.of({"AEFLOW_HOME": str(tmp_path), "AEFLOW_SERVERS": "2"})


@pytest.fixture
def postgres(tmp_path) -> Postgres:
    return Postgres(Path("/bin"), tmp_path / "postgres", 54320, None)


@pytest.fixture
def replicas(settings, tmp_path) -> Replicas:
    redis = Redis(Path("/bin/redis-server"), tmp_path / "redis", 63790, None)
    return Replicas((4201, 4202), redis, Path("/bin/haproxy"), settings)


@pytest.fixture
def groups(replicas, settings, postgres) -> list[list[Part]]:
    return replicas.in_place_of_one(parts_of(settings, SECRET, postgres), SECRET)


def test_one_server_needs_nothing_more(tmp_path):
    assert find_replicas(Settings.of({"AEFLOW_HOME": str(tmp_path)}), None) is None


def test_several_servers_on_sqlite_are_refused(settings):
    with pytest.raises(ConfigError) as raised:
        find_replicas(settings, None)
    assert str(raised.value).startswith("AEFLOW_SERVERS = 2 needs PostgreSQL, and the database is")


def test_program_that_is_missing_is_named(settings, postgres, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as raised:
        find_replicas(settings, postgres)
    assert str(raised.value) == (
        "AEFLOW_SERVERS = 2 needs redis-server, which is not installed. Install it "
        "(`make services`), or set AEFLOW_SERVERS=1."
    )


def test_servers_start_after_what_they_share_and_before_their_clients(groups):
    assert [[part.name for part in group] for group in groups] == [
        ["postgres", "redis"],
        ["migration"],
        ["server-1", "server-2"],
        ["proxy"],
        ["deployments"],
        ["worker-control", "worker-cpu", "worker-gpu", "tensorboard", "reports"],
    ]


def test_servers_differ_in_port_and_only_the_first_registers_blocks(groups):
    first, second = groups[2]
    assert (first.command[-1], second.command[-1]) == ("4201", "4202")
    assert dict(second.environment.items() - first.environment.items()) == {
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false"
    }
    assert first.environment["PREFECT_SERVER_DOCKET_URL"] == (
        "redis://default:of-redis@127.0.0.1:63790/0"
    )


def test_no_secret_is_on_a_command_line_or_in_a_written_file(replicas, groups, tmp_path):
    replicas.prepare(SECRET)
    lines = [" ".join(part.command) for group in groups for part in group]
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    for secret in ("of-the-api", "of-postgres", "of-redis"):
        assert [text for text in (*lines, *files) if secret in text] == []
    other_programs = [part for group in groups for part in group if part.name in ("redis", "proxy")]
    assert [
        n for part in other_programs for n in part.environment if n.startswith("PREFECT_")
    ] == []
