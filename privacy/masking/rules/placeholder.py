"""What masking leaves in a text, so that rules can leave it alone: the exact names in brackets, and nothing else."""

import re

ENTITIES = (
    "ADDRESS",
    "API_KEY",
    "CN_LICENSE_PLATE",
    "CN_RESIDENT_ID",
    "CN_TRAVEL_PERMIT",
    "CREDIT_CARD",
    "DATE_OF_BIRTH",
    "EMAIL_ADDRESS",
    "GEO_COORDINATES",
    "IBAN_CODE",
    "IMEI",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "ONE_TIME_CODE",
    "ORDER_NUMBER",
    "PASSPORT",
    "PASSWORD",
    "PERSON",
    "PHONE_NUMBER",
    "SOCIAL_HANDLE",
    "URL_PARAMETER",
    "US_SSN",
)
"""Every entity that a rule finds."""

NAMES = (*ENTITIES, "PERSONAL", "NUMBER", "WITHHELD")
"""What may stand in brackets in the place of a value."""

PLACEHOLDER = re.compile(f"<(?:{'|'.join(NAMES)})>")
"""What stands in the place of a value that was replaced. Whatever else is in such brackets may be anybody's."""
