import csv
import random
from pathlib import Path

import pytest

from privacy.linkage import EncodedRecord, Encoder
from spark_jobs.identity.evaluation import Score, score
from spark_jobs.identity.fuzzy import resolve
from spark_jobs.identity.fuzzy.records import records_frame
from spark_jobs.identity.fuzzy.resolve import resolve_records
from tests.unit.linkage.keys import Keys
from tests.unit.linkage.made_up import people

pytestmark = pytest.mark.spark

ENCODER = Encoder(Keys("spark"))
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def resolved(spark, records: list[EncodedRecord], *, partitions: int = 2, seed: int = 0) -> list[str]:
    """The group of each record, in the order of the records."""
    ids = [f"r{n:06d}" for n in range(len(records))]
    order = random.Random(seed).sample(range(len(records)), len(records))
    frame = records_frame(spark, [ids[n] for n in order], [records[n] for n in order]).repartition(partitions)
    groups = {row["record_id"]: row["cluster"] for row in resolve_records(frame).collect()}
    assert groups.keys() == set(ids)
    return [groups[id_] for id_ in ids]


def test_planted_duplicates_are_found_and_siblings_kept_apart_in_any_order(spark):
    records, owners = people(250, seed=4)
    encoded = [ENCODER.encode(record) for record in records]
    groups = resolved(spark, encoded)
    found = score(groups, owners)
    assert found.precision > 0.97
    assert found.recall > 0.9
    assert found.largest_cluster <= 2 * found.true_largest
    assert resolved(spark, encoded, partitions=5, seed=9) == groups


def test_one_machine_and_sparks_tasks_find_the_same(spark, monkeypatch):
    encoded = [ENCODER.encode(record) for record in people(120, seed=7)[0]]
    frame = records_frame(spark, [f"r{n:04d}" for n in range(len(encoded))], encoded).localCheckpoint()
    at_once = sorted(resolve_records(frame).collect())
    monkeypatch.setattr(resolve, "AT_ONCE", 0)
    shared = sorted(resolve_records(frame).collect())
    assert [(row["record_id"], row["cluster"]) for row in shared] == [
        (row["record_id"], row["cluster"]) for row in at_once
    ]
    assert [row["weight"] for row in shared] == pytest.approx([row["weight"] for row in at_once])
    assert len({row["cluster"] for row in at_once}) < len(at_once)


def test_a_cluster_is_named_by_its_smallest_record(spark):
    records = [ENCODER.encode(record) for record in people(40, seed=6)[0]]
    groups = resolved(spark, records)
    assert all(group <= f"r{n:06d}" for n, group in enumerate(groups))
    assert {groups[int(group[1:])] for group in groups} == set(groups)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_records_and_records_without_traits_stay_alone(spark, count):
    nothing = [ENCODER.encode({"surname": "unknown"}) for _ in range(count)]
    assert len(set(resolved(spark, nothing))) == count


def test_one_record_with_traits_stays_alone(spark):
    assert resolved(spark, [ENCODER.encode({"surname": "lee", "city": "hull"})]) == ["r000000"]


FILES = {
    "people_febrl3.csv": (
        0.995,
        {
            **{name: name for name in ("given_name", "surname", "postcode", "state")},
            **{"date_of_birth": "birth_date", "street_number": "house_number", "address_1": "street"},
            **{"address_2": "street_more", "suburb": "city", "soc_sec_id": "national_id"},
        },
    ),
    "people_fake_1000.csv": (
        0.78,
        {"first_name": "given_name", "surname": "surname", "dob": "birth_date", "city": "city", "email": "email"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_people_of_public_files_are_told_apart_from_encodings_alone(spark, name):
    if not (DATA / name).is_file():
        pytest.skip(f"{name} is not here: the folder of real data is absent")
    goal, traits = FILES[name]
    found = score_of_file(spark, DATA / name, traits)
    assert found.f1 >= goal
    assert found.largest_cluster <= 2 * found.true_largest


def score_of_file(spark, path: Path, traits: dict[str, str]) -> Score:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    encoded = [ENCODER.encode({trait: row[column] for column, trait in traits.items()}) for row in rows]
    return score(resolved(spark, encoded), [row["cluster"] for row in rows])
