import pytest

from services.adapters.webhooks import routes
from services.adapters.webhooks.secrets import SecretMissing, secret_of
from services.settings import Home, SettingsInvalid
from tests.unit.adapters.webhooks import served
from tests.unit.adapters.webhooks.sink import FakeSink

SETTING = "edge.webhooks.shop.secret"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "mangrove.toml").write_text("")
    return Home(tmp_path)


def test_a_secret_is_read_from_the_environment(home, monkeypatch):
    monkeypatch.setenv("SHOP_SECRET", " s3cret\n")
    assert secret_of("env:SHOP_SECRET", home, setting=SETTING) == "s3cret"


def test_a_secret_is_read_from_a_file_below_the_home_folder_or_anywhere(home, tmp_path):
    (tmp_path / "shop").write_text("s3cret\n")
    assert secret_of("file:shop", home, setting=SETTING) == "s3cret"
    assert secret_of(f"file:{tmp_path / 'shop'}", home, setting=SETTING) == "s3cret"


@pytest.mark.parametrize(
    "reference", ["", "s3cret", "env:", "file:", "env:NOT_SET_ANYWHERE", "file:missing", "file:.", "vault:s3cret"]
)
def test_a_secret_that_is_not_there_is_named_by_its_setting_and_never_repeated(home, reference):
    with pytest.raises(SecretMissing) as raised:
        secret_of(reference, home, setting=SETTING)
    assert SETTING in raised.value.sentence
    assert "s3cret" not in raised.value.sentence


def test_an_empty_file_and_one_that_is_no_text_hold_no_secret(home, tmp_path):
    for content in (b"", b" \n", b"\xff\xfe"):
        (tmp_path / "shop").write_bytes(content)
        with pytest.raises(SecretMissing):
            secret_of("file:shop", home, setting=SETTING)


def _routes(tmp_path, change):
    served.declare(tmp_path)
    path = tmp_path / "mangrove.toml"
    path.write_text(change(path.read_text()))
    home = Home(tmp_path)
    return routes(home.settings.edge, home, FakeSink())


def test_each_configured_webhook_has_its_url(tmp_path):
    made = _routes(tmp_path, lambda text: text)
    paths = [(route.path, "POST" in route.methods) for route in made]
    assert paths == [
        ("/webhooks/shop", True),
        ("/webhooks/page", True),
        ("/webhooks/page", False),
        ("/webhooks/account", True),
        ("/webhooks/account", False),
        ("/webhooks/plain", True),
        ("/webhooks/plain", False),
    ]


def test_no_webhooks_have_no_routes(home):
    assert routes(home.settings.edge, home, FakeSink()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("webhooks.shop", 'webhooks."a/b"'),
        lambda text: text.replace('app_id = "wx0000000000000001"\n', ""),
    ],
)
def test_settings_that_do_not_fit_are_refused_at_the_start(tmp_path, change):
    with pytest.raises(SettingsInvalid):
        _routes(tmp_path, change)


def test_a_missing_token_is_told_by_its_setting(tmp_path):
    with pytest.raises(SecretMissing, match=r"edge\.webhooks\.page\.token"):
        _routes(tmp_path, lambda text: text.replace('token = "file:secrets/token"\n', "", 1))


def test_an_api_key_that_no_call_could_carry_is_refused_at_the_start(tmp_path):
    served.declare(tmp_path, api_key="two words")
    home = Home(tmp_path)
    with pytest.raises(SettingsInvalid):
        routes(home.settings.edge, home, FakeSink())
