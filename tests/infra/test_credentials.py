"""The secrets of the service: the rights of their file, and the characters that are allowed."""

import pytest

from aeflow.errors import ConfigError
from infra.credentials import check_notify, credentials


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path):
    path = tmp_path / "secrets"
    secret = credentials(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert credentials(path) == secret
    assert credentials(tmp_path / "others") != secret
    assert len(secret.auth) > 32


def test_file_of_an_earlier_version_gets_what_it_lacks_and_keeps_the_rest(tmp_path):
    path = tmp_path / "secrets"
    path.touch(mode=0o600)
    path.write_text("PREFECT_API_AUTH_STRING=admin:x\nAEFLOW_POSTGRES_PASSWORD=y\n", "utf-8")
    secret = credentials(path)
    assert (secret.auth, secret.postgres_password) == ("admin:x", "y")
    assert len(secret.redis_password) > 32
    assert credentials(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_that_others_may_read_are_refused(tmp_path):
    path = tmp_path / "secrets"
    credentials(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        credentials(path)


@pytest.mark.parametrize("password", ["", "with space", "it's", "a/b", "ü"])
def test_password_that_sql_or_a_url_would_read_is_refused(tmp_path, password: str):
    path = tmp_path / "secrets"
    path.touch(mode=0o600)
    path.write_text(
        f"PREFECT_API_AUTH_STRING=admin:x\nAEFLOW_POSTGRES_PASSWORD={password}\n", "utf-8"
    )
    with pytest.raises(ConfigError, match="must consist of letters"):
        credentials(path)


def test_address_of_the_webhook_moves_to_the_secrets_once(tmp_path):
    path = tmp_path / "secrets"
    url = "http://chat.example/hooks/TOKEN"
    assert credentials(path, notify=url).notify_url == url
    assert credentials(path).notify_url == url
    assert credentials(path, notify="http://other.example").notify_url == url
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_address_in_the_environment_is_refused_and_never_shown(tmp_path):
    path = tmp_path / "secrets"
    credentials(path, notify="http://chat.example/hooks/TOKEN")
    check_notify(path, None)
    check_notify(path, "http://chat.example/hooks/TOKEN")
    with pytest.raises(ConfigError) as raised:
        check_notify(path, "http://chat.example/hooks/OTHER")
    assert str(raised.value) == (
        f"AEFLOW_NOTIFY_URL in the environment differs from that in '{path}' (not shown, as both "
        "may contain a token). Unset the variable, or change the file."
    )
