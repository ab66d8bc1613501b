"""`mangrove ask` as a partner types it, against a real service on loopback."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from typer.testing import CliRunner, Result

from privacy.receipts import Signer
from services.asking.reading import AskInvalid
from services.clients.connection import TlsInvalid
from services.clients.questions import QueryRefused
from services.commands import app
from services.demo.servers import free_port
from services.keys import key_provider
from services.private_query.published import Published
from services.settings import Home
from tests.integration.sending import until
from tests.measurements import a_measurement
from tests.servers import serving, start, stop
from tests.unit.private_query.homes import TestHome, make_home

MARK = "nobody-must-see-this"
JANUARY = ("--from", "2026-01-01", "--until", "2026-01-31")


@dataclass(frozen=True)
class Service:
    """A running service and a terminal that reaches it with ada's key."""

    home: TestHome
    address: str

    def run(self, *arguments: str, **environment: str) -> Result:
        env = {"MANGROVE_QUERY_ADDRESS": self.address, "MANGROVE_API_KEY": self.home.keys["ada"], "COLUMNS": "200"}
        return CliRunner().invoke(app, ["ask", *arguments], env=env | environment)

    def printed(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    def spent(self) -> float:
        told = json.loads(self.printed("conversations", "--describe", "--json"))
        return float(told["budget"]["spent"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = make_home(tmp_path_factory.mktemp("home"))
    address = f"127.0.0.1:{free_port()}"
    with serving(Home(made.folder), "query", "serve", "--address", address, address=address):
        yield Service(made, address)


def test_an_answer_is_shown_with_error_bars_its_cost_and_what_is_left(service: Service) -> None:
    asked = ("conversations", "count", "mean:wait_s", "--by", "channel", "--where", "language=zh,en")
    shown = service.printed(*asked, "--where", "turns=1..", "--rho", "0.02", *JANUARY)
    assert "95 % interval" in shown and "●" in shown and "├" in shown
    assert all(channel in shown for channel in ("web", "app", "chat", "voice", "email", "social", "store"))
    assert "cost rho 0.02 (epsilon" in shown and "of 0.5 is left" in shown
    again = service.printed(*asked, "--where", "turns=1..", "--rho", "0.02", *JANUARY)
    assert "it cost nothing now" in again
    assert [line for line in again.splitlines() if "│" in line] == [line for line in shown.splitlines() if "│" in line]


def test_every_measure_can_be_typed_and_many_numbers_get_a_line_each(service: Service) -> None:
    measures = ("histogram:satisfaction", "quantiles:wait_s:0.5,0.9", "ratio:outcome=resolved", "variance:turns")
    shown = service.printed("conversations", *measures, "--rho", "0.02", "--dropped", *JANUARY)
    names = ("histogram_satisfaction_from_5", "p50_wait_s", "p90_wait_s", "ratio_outcome", "variance_turns")
    assert all(name in shown for name in names)
    assert "rows dropped by the bounds" in shown


def test_a_preview_tells_the_price_and_costs_nothing(service: Service) -> None:
    before = service.spent()
    asked = ("conversations", "count", "--by", "channel", *JANUARY)
    shown = service.printed(*asked, "--target", "±50", "--cost")
    assert "nothing was asked" in shown and "enough for" in shown and "±" in shown
    told = json.loads(service.printed(*asked, "--target", "50", "--preview", "--json"))
    assert told["noise"][0]["half_width"] <= 50 and told["groups"] == 7
    assert service.spent() == before


def test_epsilon_buys_as_much_as_it_can_and_no_more(service: Service) -> None:
    asked = ("conversations", "persons", "--epsilon", "0.2", "--preview", "--json", *JANUARY)
    told = json.loads(service.printed(*asked))
    assert 0.199 <= told["epsilon"] <= 0.2


def test_json_and_receipt_hold_the_whole_answer(service: Service, tmp_path: Path) -> None:
    kept, key = tmp_path / "answer.bin", tmp_path / "key.pem"
    asked = ("conversations", "count", "--by", "handed_over", "--where", "handed_over=true", "--rho", "0.001", *JANUARY)
    told = json.loads(service.printed(*asked, "--json", "--receipt", str(kept)))
    assert [row["handed_over"] for row in told["rows"]] == ["false", "true"]
    assert told["rows"][0]["count_low"] <= told["rows"][0]["count"] <= told["rows"][0]["count_high"]
    assert told["guarantee"]["privacy_unit"] == "person"
    printed = CliRunner().invoke(app, ["receipt", "key", "--home", str(service.home.folder)])
    key.write_text(printed.output)
    checked = CliRunner().invoke(app, ["receipt", "verify", str(kept), "--key", str(key)])
    assert json.loads(checked.output)["partner"] == "ada"


def test_datasets_are_listed_and_described(service: Service) -> None:
    assert "conversations" in service.printed("--list") and "journeys" not in service.printed("--list")
    shown = service.printed("--describe", "conversations")
    assert "wait_s" in shown and "0 to 3600" in shown and "at most 4 groups" in shown
    assert "measured: nothing is published" in shown


def test_what_was_measured_of_the_noise_stands_beside_the_claim(service: Service) -> None:
    home = Home(service.home.folder)
    Published(home, Signer(key_provider(home).secret("receipts"))).publish(a_measurement())
    shown = service.printed("--describe", "conversations")
    assert "epsilon is at least 4.709 with 95% confidence, 5.222 at delta 1e-06 is claimed" in shown
    assert "other code than answers now" in shown
    told = json.loads(service.printed("--describe", "conversations", "--json"))
    assert told["measured"]["trials"] == 35_000
    (service.home.folder / "measured-epsilon.json").write_text("{}")
    broken = service.run("--describe", "conversations")
    assert broken.exit_code == 0 and "wait_s" in broken.stdout
    assert broken.stderr.startswith("MEASUREMENT_UNREADABLE: ")


def test_the_key_comes_from_a_file(service: Service, tmp_path: Path) -> None:
    (tmp_path / "bob.key").write_text(service.home.keys["bob"] + "\n")
    assert "journeys" in service.printed("--list", "--key-file", str(tmp_path / "bob.key"), MANGROVE_API_KEY="")
    done = service.run("--list", MANGROVE_API_KEY="")
    assert isinstance(done.exception, AskInvalid) and "--key-file" in done.exception.sentence


@pytest.mark.parametrize(
    "asked",
    [
        ("conversations", "count", "--where", f"{MARK}=1"),
        ("conversations", "count", "--where", f"turns={MARK}"),
        ("conversations", "count", "--where", "turns=..99999999999999999999"),
        ("conversations", "count", "--where", f"handed_over={MARK}"),
        ("conversations", "count", "--where", f"week={MARK}"),
        ("conversations", "count", "--where", "turns=1", "--where", "turns=2"),
        ("conversations", f"ratio:{MARK}"),
        ("conversations", f"quantiles:wait_s:{MARK}"),
        ("conversations", "count", "--target", MARK),
        ("conversations", "count", "--target", "5"),
        ("conversations",),
    ],
)
def test_what_is_no_question_is_told_in_a_sentence_without_what_was_typed(
    service: Service, asked: tuple[str, ...]
) -> None:
    done = service.run(*asked, "--rho", "0.001", *JANUARY)
    assert isinstance(done.exception, AskInvalid)
    assert MARK not in done.exception.sentence


def test_a_refusal_tells_each_field_that_breaks_a_rule(service: Service) -> None:
    done = service.run("conversations", f"sum:{MARK}", "--by", MARK, "--rho", "0.001", *JANUARY)
    assert isinstance(done.exception, QueryRefused)
    assert "question.measures[0].column: " in done.exception.sentence
    assert "question.group_by[0]: " in done.exception.sentence
    assert MARK not in done.exception.sentence


def test_a_service_that_asks_for_certificates_is_reached_with_one(tmp_path: Path) -> None:
    ca, made = trustme.CA(), tmp_path / "home"
    tls = '[query]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\ntls_client_ca = "ca.pem"\n'
    home = make_home(made, people=5, settings=tls)
    for name, leaf in (("", ca.issue_cert("localhost")), ("ada-", ca.issue_cert("ada.example.com"))):
        (made / f"{name}cert.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
        leaf.private_key_pem.write_to_path(made / f"{name}key.pem")
    ca.cert_pem.write_to_path(made / "ca.pem")
    service = Service(home, f"localhost:{free_port()}")
    process = start(Home(made), "query", "serve", "--address", service.address.replace("localhost", "127.0.0.1"))
    own = ("--cert", str(made / "ada-cert.pem"), "--cert-key", str(made / "ada-key.pem"))
    try:
        until(lambda: service.run("--list", "--ca", str(made / "ca.pem"), *own).exit_code == 0, 60)
        assert "conversations" in service.printed("--list", "--ca", str(made / "ca.pem"), *own)
        for other in (("--ca", str(made / "ca.pem")), ("--tls",), ()):
            refused = service.run("--list", *other)
            assert isinstance(refused.exception, QueryRefused) and refused.exception.reason == "TRANSPORT"
        assert isinstance(service.run("--list", *own[:2]).exception, TlsInvalid)
    finally:
        stop(process)
