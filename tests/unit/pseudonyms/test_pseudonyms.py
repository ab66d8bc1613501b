"""What is promised of pseudonyms and keys."""

import base64
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.pseudonyms import (
    PERSON_TYPES,
    REFERENCE_TYPES,
    EnvKeyProvider,
    FileKeyProvider,
    KeyProvider,
    KeysUnavailable,
    Pseudonymiser,
    VersionedKey,
    canonicalise,
    is_placeholder,
    make_key_file,
    names_nobody,
)
from tests.generated import mobiles


class OneKey(KeyProvider):
    """The same key for everything."""

    def current(self, purpose: str) -> VersionedKey:
        return VersionedKey(7, b"k" * 32)

    def secret(self, name: str) -> bytes:
        return b"k" * 32


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    make_key_file(path, (*PERSON_TYPES, *REFERENCE_TYPES))
    return path


@pytest.fixture(scope="module")
def pseudonymiser(key_file: Path) -> Pseudonymiser:
    return Pseudonymiser(FileKeyProvider(key_file))


@given(mobiles, st.sampled_from(["{}", "+86{}", "+86 {}", "0086{}", " {} ", "86{}"]))
@settings(max_examples=200, deadline=None)
def test_all_written_forms_of_a_mobile_give_one_canonical_form(mobile: str, form: str) -> None:
    assert canonicalise("phone", form.format(mobile)) == f"+86{mobile}"


@pytest.mark.parametrize(
    ("kind", "raw", "canonical"),
    [
        ("phone", "１３８ ００１３-８０００", "+8613800138000"),
        ("phone", "+1 (212) 555-0100", "+12125550100"),
        ("email", " Li.Lei@Example.COM\u200b", "li.lei@example.com"),
        ("social", "@Some_Handle", "some_handle"),
        ("customer", "Ｃ-001", "C-001"),
    ],
)
def test_identifiers_are_made_canonical(kind: str, raw: str, canonical: str) -> None:
    assert canonicalise(kind, raw) == canonical


def test_a_token_tells_its_type_and_key_version_and_nothing_of_the_value(pseudonymiser: Pseudonymiser) -> None:
    token = pseudonymiser.token("phone", "13800138000")
    assert token is not None
    kind, version, digest = token.split(".")
    assert (kind, version) == ("phone", "1")
    assert len(base64.b32decode(digest + "=" * (-len(digest) % 8))) == 32


def test_a_token_is_the_hmac_of_the_canonical_form(key_file: Path, pseudonymiser: Pseudonymiser) -> None:
    key = FileKeyProvider(key_file).current("phone")
    digest = hmac.digest(key.value, b"+8613800138000", "sha256")
    expected = f"phone.1.{base64.b32encode(digest).decode().rstrip('=')}"
    assert pseudonymiser.token("phone", "138 0013 8000") == expected


@given(st.lists(st.text(max_size=20), max_size=20))
@settings(max_examples=100, deadline=None)
def test_many_tokens_at_once_are_those_of_each(values: list[str]) -> None:
    made = Pseudonymiser(OneKey())
    assert made.tokens("event", values) == [made.token("event", value) for value in values]


@given(st.text(max_size=300), st.sampled_from([*PERSON_TYPES, *REFERENCE_TYPES]))
@settings(max_examples=200, deadline=None)
def test_any_token_is_the_hmac_of_the_canonical_form(value: str, kind: str) -> None:
    canonical = value if kind in REFERENCE_TYPES else canonicalise(kind, value)
    digest = hmac.digest(b"k" * 32, canonical.encode(), "sha256")
    named = kind in REFERENCE_TYPES or not names_nobody(kind, canonical)
    expected = f"{kind}.7.{base64.b32encode(digest).decode().rstrip('=')}" if named else None
    assert Pseudonymiser(OneKey()).token(kind, value) == expected


def test_types_cannot_be_matched_by_token(pseudonymiser: Pseudonymiser) -> None:
    device, cookie = pseudonymiser.token("device", "x1"), pseudonymiser.token("cookie", "x1")
    assert device and cookie
    assert device.split(".")[2] != cookie.split(".")[2]


@pytest.mark.parametrize(
    "value", ["", "null", "NULL", "unknown", "0000000", "匿名", "n/a", "00000000-0000-0000-0000-000000000000"]
)
def test_a_word_for_no_value_names_nobody(value: str, pseudonymiser: Pseudonymiser) -> None:
    assert is_placeholder(canonicalise("customer", value))
    assert pseudonymiser.token("customer", value) is None


@pytest.mark.parametrize(
    ("kind", "value"), [("phone", "00000000000"), ("phone", "11111111111"), ("email", "null@null"), ("email", "@")]
)
def test_a_made_up_value_names_nobody(kind: str, value: str, pseudonymiser: Pseudonymiser) -> None:
    assert pseudonymiser.token(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("email", f"{role}@example.com") for role in ("info", "No-Reply", "do.not.reply", "support+42", "客服")),
        *(("phone", hotline) for hotline in ("400-810-0000", "+86 800 810 0000", "95588", "10086", "12315")),
    ],
)
def test_a_role_account_or_hotline_is_no_one_persons(kind: str, value: str, pseudonymiser: Pseudonymiser) -> None:
    assert pseudonymiser.token(kind, value) is None
    assert not is_placeholder(canonicalise(kind, value))


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "informa@example.com"), ("phone", "13800138000"), ("phone", "+1 202 555 0123")]
)
def test_what_only_looks_like_a_role_names_somebody(kind: str, value: str, pseudonymiser: Pseudonymiser) -> None:
    assert pseudonymiser.token(kind, value)


@pytest.mark.parametrize("kind", REFERENCE_TYPES)
def test_a_reference_is_never_taken_for_no_value(kind: str, pseudonymiser: Pseudonymiser) -> None:
    assert all(pseudonymiser.token(kind, value) for value in ("null", "0", "1111", "test"))


def test_other_keys_give_other_tokens(tmp_path: Path, pseudonymiser: Pseudonymiser) -> None:
    make_key_file(tmp_path / "k.json", (*PERSON_TYPES, *REFERENCE_TYPES))
    other = Pseudonymiser(FileKeyProvider(tmp_path / "k.json"))
    assert other.token("phone", "13800138000") != pseudonymiser.token("phone", "13800138000")


def test_making_keys_again_keeps_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    make_key_file(path, ["phone"])
    before = FileKeyProvider(path).secret("phone")
    make_key_file(path, ["phone", "email"])
    assert FileKeyProvider(path).secret("phone") == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    make_key_file(path, ["phone"])
    path.chmod(0o644)
    with pytest.raises(KeysUnavailable, match="chmod 600"):
        FileKeyProvider(path)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"keys": {"phone": {"1": "short"}}}', '{"keys": []}', '{"keys": {"phone": {"x": "AA=="}}}']
)
def test_a_broken_key_file_is_refused_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "k.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeysUnavailable) as refused:
        FileKeyProvider(path)
    assert "short" not in refused.value.sentence


def test_the_newest_key_version_is_used(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    make_key_file(path, ["phone"])
    keys = json.loads(path.read_text())
    keys["keys"]["phone"]["2"] = base64.b64encode(b"x" * 32).decode()
    path.write_text(json.dumps(keys))
    assert FileKeyProvider(path).current("phone").version == 2


def test_both_providers_give_the_same_keys(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANGROVE_KEYS", key_file.read_text())
    for purpose in (*PERSON_TYPES, *REFERENCE_TYPES):
        assert EnvKeyProvider().current(purpose) == FileKeyProvider(key_file).current(purpose)
    with pytest.raises(KeysUnavailable):
        EnvKeyProvider().current("nothing")
    assert "value" not in repr(EnvKeyProvider().current("phone"))
