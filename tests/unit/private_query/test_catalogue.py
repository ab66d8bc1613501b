from pathlib import Path

import pytest

from services.private_query.catalogue import (
    DEFAULT_CATALOGUE,
    CatalogueInvalid,
    DatasetUnknown,
    load_catalogue,
)


def test_default_catalogue_fits_the_marts() -> None:
    assert [d.name for d in load_catalogue(DEFAULT_CATALOGUE).of("partner")] == ["conversations", "journeys"]


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ('meaning = "Messages."', 'meaning = "Messages."\nsecret = 1'),
        ('name = "turns"', 'name = "person_id"'),
        ('name = "turns"', 'name = "day"'),
        ('name = "turns"', 'name = "channel"'),
        ('name = "turns"', 'name = "no_such_column"'),
        ('name = "turns"', 'name = "turns; DROP"'),
        ('table = "private.conversations"', 'table = "silver.events"'),
        ('table = "private.conversations"', 'table = "private.no_such_table"'),
        ("max = 200", "max = -1"),
        ("max = 200", "max = 10_000_000_000"),
        ("max_groups_per_person = 4", "max_groups_per_person = 0"),
        ("delta = 1e-6", "delta = 0.5"),
        ("partner_rho_nano = 500_000_000", "partner_rho_nano = -1"),
        ('name = "journeys"', 'name = "conversations"'),
        ("[dataset.budget]", "[dataset.budget"),
        ('values = ["zh", "en"]', 'values = ["zh", "zh"]'),
        ('values = ["zh", "en"]', 'values = ["zh"]\nunknown = true'),
        ('values = ["zh", "en"]', ""),
        ("max = 200", "max = 200\nbins = [1, 10]"),
        ("max = 200", "max = 200\nbins = [0, 10, 10]"),
        ("max = 200", "max = 200\nbins = [0, 201]"),
        ("max_rows_per_group = 3", "max_rows_per_group = 3\nmax_rows_per_person = 0"),
        ("[[dataset]]", "answer_after_ms = []\n[[dataset]]"),
        ("[[dataset]]", "answer_after_ms = [50, 25]\n[[dataset]]"),
        ("partner_rho_nano = 500_000_000", 'partner_rho_nano = 500_000_000\nrefresh = "daily"'),
    ],
)
def test_catalogue_that_breaks_a_rule_is_refused(tmp_path: Path, there: str, instead: str) -> None:
    text = DEFAULT_CATALOGUE.read_text()
    assert there in text
    path = tmp_path / "catalogue.toml"
    path.write_text(text.replace(there, instead, 1))
    with pytest.raises(CatalogueInvalid):
        load_catalogue(path)


def test_missing_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid):
        load_catalogue(tmp_path / "none.toml")


def test_a_dataset_of_others_looks_like_one_that_does_not_exist() -> None:
    catalogue = load_catalogue(DEFAULT_CATALOGUE)
    told = []
    for name, partner in [("conversations", "stranger"), ("nothing", "partner"), ("", "partner")]:
        with pytest.raises(DatasetUnknown) as refusal:
            catalogue.get(name, partner)
        told.append((refusal.value.reason, refusal.value.sentence))
    assert len(set(told)) == 1
