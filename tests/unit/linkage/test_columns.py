import pytest

from services.identity.columns import UnknownColumn, traits_of_columns


def table(*names: str, values: tuple[str, ...] = ("a", "b")) -> dict[str, list[str]]:
    return {name: list(values) for name in names}


def test_columns_are_known_by_what_they_are_called():
    columns = table("First Name", "lastName", "dob", "suburb", "address_1", "address_2", "soc_sec_id", "shoe size")
    assert traits_of_columns(columns) == {
        "given_name": "First Name",
        "surname": "lastName",
        "birth_date": "dob",
        "city": "suburb",
        "street": "address_1",
        "street_more": "address_2",
        "national_id": "soc_sec_id",
    }


def test_an_exact_name_goes_before_one_that_holds_it():
    assert traits_of_columns(table("first_and_surname", "surname", "postcode_fake")) == {
        "surname": "surname",
        "postcode": "postcode_fake",
    }


def test_columns_of_no_known_name_are_known_by_their_values():
    columns = {
        "a": ["x@example.com", "y@example.org", ""],
        "b": ["1990-01-02", "", "2001-12-30"],
        "c": ["20", "7", "11"],
    }
    assert traits_of_columns(columns) == {"email": "a", "birth_date": "b"}


def test_what_is_named_goes_first_and_an_empty_trait_leaves_out():
    assert traits_of_columns(table("who", "city"), ["who=full_name", "city="]) == {"full_name": "who"}


@pytest.mark.parametrize("named", ["nowhere=city", "who=shoes"])
def test_naming_what_is_not_there_is_an_error(named):
    with pytest.raises(UnknownColumn):
        traits_of_columns(table("who"), [named])
