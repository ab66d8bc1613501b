"""What is promised of an installation and its configuration."""

from pathlib import Path

import pytest

from services.access import Authenticator, Unauthenticated
from services.commands import app
from services.grpc_server import CannotListen, ServerOptions, start_server
from services.installation import CredentialMissing, NameInvalid, api_key_of, install
from services.settings import Home, SettingsInvalid


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    first = install(tmp_path, source="web", partner="team")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first.new_callers == ("web", "team")
    assert install(tmp_path, source="web", partner="team").new_callers == ()
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_init_of_an_existing_home_adds_nobody_who_is_not_named(tmp_path: Path) -> None:
    assert install(tmp_path).new_callers == ("demo", "partner")
    assert install(tmp_path).new_callers == ()
    assert install(tmp_path, source="shop").new_callers == ("shop",)
    assert install(tmp_path, partner="team").new_callers == ("team",)


@pytest.mark.parametrize(
    ("source", "partner"), [("a", "a"), ("../evil", "b"), ('a"b', "b"), ("", "b"), ("partner", None)]
)
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_written(
    source: str, partner: str | None, tmp_path: Path
) -> None:
    with pytest.raises(NameInvalid):
        install(tmp_path / "home", source=source, partner=partner)
    assert not (tmp_path / "home").exists()


async def test_half_of_tls_is_refused_and_not_served_in_plain_text(tmp_path: Path) -> None:
    home = install(tmp_path, source="web", partner="team").home
    authenticator = Authenticator(home.path("access.toml"), b"x" * 32, "source")
    with pytest.raises(CannotListen):
        await start_server(ServerOptions("127.0.0.1:0", tls_cert=tmp_path / "c.pem"), authenticator, lambda _: None, [])


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    install(tmp_path, source="web", partner="team")
    for name in ("keys.json", "access.toml", "credentials/web.key", "credentials/team.key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_no_api_key_is_stored_with_those_who_may_call(tmp_path: Path) -> None:
    home = install(tmp_path, source="web", partner="team").home
    assert api_key_of(home, "web") not in (tmp_path / "access.toml").read_text()


def test_a_key_opens_its_own_role_only(tmp_path: Path) -> None:
    from privacy.pseudonyms import FileKeyProvider

    home = install(tmp_path, source="web", partner="team").home
    secret = FileKeyProvider(home.path("keys.json")).secret("access")
    sources = Authenticator(home.path("access.toml"), secret, "source")
    assert sources.authenticate(f"Bearer {api_key_of(home, 'web')}").name == "web"
    with pytest.raises(Unauthenticated):
        sources.authenticate(f"Bearer {api_key_of(home, 'team')}")


@pytest.mark.parametrize(
    "text", ["lake = 3", "unknown = 1", "[collector]\nmax_events = 0", "not toml", "[collector]\nunknown = 1"]
)
def test_a_configuration_that_breaks_a_rule_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "mangrove.toml").write_text(text)
    with pytest.raises(SettingsInvalid):
        Home(tmp_path)


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1", "localhost:http", "127.0.0.1:-1", "[::1]:65536"])
@pytest.mark.parametrize("section", ["collector", "edge", "query"])
def test_an_address_that_is_none_is_told_with_what_one_is(section: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "mangrove.toml").write_text(f'[{section}]\naddress = "{address}"')
    with pytest.raises(SettingsInvalid, match=rf"{section}.address \(.*port from 0 to 65535"):
        Home(tmp_path)


def test_a_broken_rule_is_told_without_what_stands_there(tmp_path: Path) -> None:
    (tmp_path / "mangrove.toml").write_text(
        '[collector]\nunknown_fields = "s3cret"\nmetrics_port = 70000\nkey = "s3cret"'
    )
    with pytest.raises(SettingsInvalid) as refused:
        Home(tmp_path)
    for said in ("unknown_fields (one of 'refuse' or 'mask')", "metrics_port (at most 65535)", "key (there is no such"):
        assert said in refused.value.sentence
    assert "s3cret" not in refused.value.sentence


def test_a_missing_installation_or_credential_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="mangrove init"):
        Home(tmp_path)
    home = install(tmp_path, source="web", partner="team").home
    with pytest.raises(CredentialMissing, match="mangrove access add nobody"):
        api_key_of(home, "nobody")


def test_every_command_shows_an_example() -> None:
    from typer.main import get_command

    def leaves(command: object, path: str = "mangrove") -> list[tuple[str, str]]:
        children = getattr(command, "commands", None)
        if children:
            return [leaf for name, child in children.items() for leaf in leaves(child, f"{path} {name}")]
        return [(path, f"{getattr(command, 'help', '')} {getattr(command, 'epilog', '')}")]

    without = [path for path, text in leaves(get_command(app)) if f"Example: {path}" not in text]
    assert without == []
