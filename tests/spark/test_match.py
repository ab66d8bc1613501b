"""What is promised of matches: found from encodings alone, never over two keys, and not again while nothing changed."""

import pytest

from privacy.linkage import Encoder, written
from spark_jobs.identity import match
from spark_jobs.identity.match import build_profiles, build_runs, build_traits
from spark_jobs.lake.io import Lake, spark_schema
from spark_jobs.lake.tables import BRONZE_EVENTS, IDENTITY_MATCH_RUNS, IDENTITY_MATCHES
from spark_jobs.silver import refine
from spark_jobs.silver.refine import build_events
from tests.spark.build import an_event, write_bronze
from tests.unit.linkage.keys import Keys
from tests.unit.linkage.made_up import people

pytestmark = pytest.mark.spark

FIRST, SECOND = Encoder(Keys("one")), Encoder(Keys("two", version=2))


def a_profile(values, encoder=FIRST, hours=0, **tokens):
    event = an_event().by(**tokens).after(hours=hours).of("profile_updated")
    return {**event.row(), "traits": written(encoder, values)}


def profiles_of(spark, *rows):
    """Each token's profile, as the names of its entries with their tokens; and the row of each key's version."""
    traits = build_traits(build_events(spark.createDataFrame(list(rows), spark_schema(BRONZE_EVENTS))))
    profiles = build_profiles(traits)
    found = {row["token"]: {e["name"]: e["code"] for e in row["entries"]} for row in profiles.collect()}
    return found, {row["key_version"]: row for row in build_runs(profiles, traits).collect()}


def codes(encoder, **values):
    return {entry["name"]: entry["token"] for entry in written(encoder, values)}


def test_a_profile_belongs_to_the_strongest_identifier_and_each_trait_is_the_latest(spark):
    profiles, runs = profiles_of(
        spark,
        a_profile({"surname": "Alen", "city": "Hull"}, cookie="k", email="e", customer="c"),
        a_profile({"city": "York"}, hours=2, customer="c", phone="p"),
        a_profile({"city": "Leeds"}, hours=1, customer="c"),
        a_profile({"city": "Bath"}, cookie="other"),
        a_profile({"city": "Ryde"}),
        an_event().by(customer="d").row(),
    )
    assert profiles == {
        "customer.1.c": codes(FIRST, surname="Alen", city="York"),
        "cookie.1.other": codes(FIRST, city="Bath"),
    }
    assert (runs[1]["profiles"], runs[1]["unnamed"], runs[1]["enough"]) == (2, 1, False)


def test_a_profile_under_a_newer_key_takes_the_place_of_the_older_one(spark):
    older = [a_profile({"surname": "Alen", "city": "Hull"}, customer=name) for name in ("c", "d")]
    profiles, runs = profiles_of(spark, *older, a_profile({"city": "Hull"}, SECOND, hours=-1, customer="c"))
    assert profiles == {
        "customer.1.c": codes(SECOND, city="Hull"),
        "customer.1.d": codes(FIRST, surname="Alen", city="Hull"),
    }
    assert {version: row["profiles"] for version, row in runs.items()} == {1: 1, 2: 1}


def rows_for(records, encoder=FIRST, start=0):
    return [a_profile(r, encoder, cookie=f"r{n:05d}") for n, r in enumerate(records, start)]


def test_people_are_matched_once_and_again_only_when_a_profile_changed(spark, tmp_path):
    records, owners = people(150, seed=4)
    write_bronze(tmp_path, rows_for(records))
    lake = Lake(spark, str(tmp_path))
    refine.main(lake)
    matches, runs = match.main(lake)
    assert matches.inserted > len(records) / 4
    assert runs.rows == 1
    found = lake.read(IDENTITY_MATCHES).collect()
    whose = {f"cookie.1.r{n:05d}": owner for n, owner in enumerate(owners)}
    right = [row for row in found if whose[row["token_a"]] == whose[row["token_b"]]]
    assert len(right) > 0.97 * len(found)
    assert all(row["token_a"] < row["token_b"] and row["type_a"] == row["type_b"] == "cookie" for row in found)
    assert all(-6 <= row["weight"] <= 6 for row in found)
    assert {row["token_b"] for row in found}.isdisjoint(row["token_a"] for row in found)

    write_bronze(tmp_path, [an_event().by(cookie="r00001").after(hours=5).row("j2")])
    refine.main(lake)
    before = lake.version(IDENTITY_MATCHES)
    assert not any(changes.any for changes in match.main(lake))
    assert lake.version(IDENTITY_MATCHES) == before

    write_bronze(tmp_path, [{**a_profile(records[0], hours=9, cookie="new"), "journal_id": "j3"}])
    refine.main(lake)
    matches, runs = match.main(lake)
    assert (runs.updated, lake.read(IDENTITY_MATCH_RUNS).first()["profiles"]) == (1, len(records) + 1)
    assert matches.any


def test_the_same_people_under_two_keys_are_never_matched(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(match, "FEWEST_PROFILES", 50)
    records, _ = people(60, seed=8)
    write_bronze(tmp_path, rows_for(records) + rows_for(records, SECOND, start=len(records)))
    lake = Lake(spark, str(tmp_path))
    refine.main(lake)
    match.main(lake)
    sides = [(row["token_a"] < f"cookie.1.r{len(records):05d}") for row in lake.read(IDENTITY_MATCHES).collect()]
    ends = [(row["token_b"] < f"cookie.1.r{len(records):05d}") for row in lake.read(IDENTITY_MATCHES).collect()]
    assert sides == ends
    assert len(set(sides)) == 2


@pytest.mark.parametrize("count", [0, 30])
def test_no_matches_are_made_of_no_or_too_few_profiles(spark, tmp_path, count):
    records, _ = people(count, seed=2)
    write_bronze(tmp_path, [an_event().row(), *rows_for(records)])
    lake = Lake(spark, str(tmp_path))
    refine.main(lake)
    assert [changes.rows for changes in match.main(lake)] == [0, min(count, 1)]
    assert [row["enough"] for row in lake.read(IDENTITY_MATCH_RUNS).collect()] == [False] * min(count, 1)
    assert not any(changes.any for changes in match.main(lake))
