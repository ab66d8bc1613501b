"""WeChat's XML: one element of named texts, read without entities, document types or anything outside."""

import math
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from services.adapters.webhooks.delivery import PayloadMalformed

_LATEST_S = 4_102_444_800
"""2100-01-01: no event may be later."""


class Fields:
    """The named texts of a message.

    Args:
        content: The XML's bytes.

    Raises:
        PayloadMalformed: if they are not XML of one element, or declare a document type or an entity.
    """

    def __init__(self, content: bytes) -> None:
        try:
            root = fromstring(content, forbid_dtd=True)
        except (ParseError, ValueError, LookupError):  # forbidden declarations and unknown encodings are such
            raise PayloadMalformed from None
        self._texts = {child.tag: child.text or "" for child in root}

    def text(self, name: str) -> str:
        """Return a text without surrounding white space; empty if there is none."""
        return self._texts.get(name, "").strip()

    def required(self, name: str) -> str:
        """Return a text.

        Raises:
            PayloadMalformed: if there is none.
        """
        text = self.text(name)
        if not text:
            raise PayloadMalformed
        return text

    def seconds(self, name: str) -> int:
        """Return a time in Unix seconds.

        Raises:
            PayloadMalformed: if there is none.
        """
        text = self.required(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LATEST_S):
            raise PayloadMalformed
        return int(text)

    def degrees(self, name: str) -> float:
        """Return a number of degrees.

        Raises:
            PayloadMalformed: if there is none.
        """
        try:
            degrees = float(self.required(name))
        except ValueError:
            raise PayloadMalformed from None
        if not math.isfinite(degrees):
            raise PayloadMalformed
        return degrees
