"""What an identify message says of the customer's person: our profile, from the traits that Segment reserves for it."""

import re
from collections.abc import Mapping
from typing import Any

from mangrove.event.v1 import event_pb2
from services.adapters.schema_limits import fits
from services.adapters.segment_values import text_in

_CALLED = {
    "given_name": ("firstname", "givenname", "forename"),
    "family_name": ("lastname", "familyname", "surname"),
    "full_name": ("name", "fullname"),
    "birth_date": ("birthday", "birthdate", "dateofbirth", "dob"),
    "street": ("street", "address"),
    "city": ("city",),
    "postcode": ("postalcode", "postcode", "zip", "zipcode"),
    "state": ("state",),
    "country": ("country",),
    "email": ("email",),
    "phone": ("phone",),
    "gender": ("gender",),
    "occupation": ("occupation",),
}
_TIME_OF_DAY = re.compile(r"T[0-9:.]+(Z|[+-][0-9:]+)?$")

_LEFT_OUT = frozenset("avatar id middlename username website".split()).union(
    *(_CALLED[name] for name in ("given_name", "family_name", "full_name", "birth_date", "street", "postcode")),
    ("email", "phone"),
)


def without_personal(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the traits that do not say who somebody is."""
    return {key: value for key, value in traits.items() if _simple(key) not in _LEFT_OUT}


def profile_of(traits: Mapping[str, Any]) -> event_pb2.ProfileUpdated | None:
    """Return what traits say of a person; None if that is nothing, or more than our schema takes."""
    told = {_simple(key): value for key, value in traits.items()}
    if isinstance(told.get("address"), dict):
        told |= {_simple(key): value for key, value in told.pop("address").items()}
    profile = event_pb2.ProfileUpdated()
    for name, keys in _CALLED.items():
        setattr(profile, name, text_in(told, *keys).strip())
    profile.birth_date = _TIME_OF_DAY.sub("", profile.birth_date)
    return profile if profile.ListFields() and fits(profile) else None


def _simple(key: str) -> str:
    """Return a key as all ways of writing it are: first_name and firstName are one."""
    return "".join(c for c in key.lower() if c.isalnum())
