"""First and last names of many countries, as Faker carries them; read when the first text asks for them."""

import functools
import importlib
from dataclasses import dataclass

from privacy.masking.names.english_words import EVERYDAY, PLACES

_COUNTRIES = (
    "en_US en_GB en_IN en_NZ en_IE de_DE fr_FR es_ES es_MX it_IT pt_BR pt_PT nl_NL nl_BE sv_SE no_NO da_DK "
    "fi_FI pl_PL cs_CZ sk_SK hu_HU ro_RO hr_HR sl_SI et_EE lv_LV lt_LT tr_TR id_ID fr_QC de_AT de_CH es_AR "
    "es_CL es_CO en_NG is_IS"
).split()


@dataclass(frozen=True, slots=True)
class NameLists:
    """Names in lower case, without those that are everyday English words.

    Attributes:
        first: First names.
        last: Last names.
        everyday: Names that are everyday words or places too: they count beside another name only.
    """

    first: frozenset[str]
    last: frozenset[str]
    everyday: frozenset[str]


@functools.cache
def name_lists() -> NameLists:
    """Return the lists; about a tenth of a second and 3 MB, once in a process."""
    first: set[str] = set()
    last: set[str] = set()
    for country in _COUNTRIES:
        provider = importlib.import_module(f"faker.providers.person.{country}").Provider
        for attribute in dir(provider):
            into = (
                first if attribute.startswith("first_names") else last if attribute.startswith("last_names") else None
            )
            names = getattr(provider, attribute) if into is not None else ()
            if into is not None and isinstance(names, (list, tuple, dict)):
                into.update(name.lower() for name in names if len(name) > 2)
    dull = EVERYDAY | PLACES
    return NameLists(frozenset(first - dull), frozenset(last - dull), frozenset((first | last) & dull))
