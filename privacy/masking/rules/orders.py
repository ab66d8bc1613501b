"""Order and tracking numbers: no personal data by themselves, but easily taken for phones."""

import re

from privacy.masking.rules.rule import Rule, cues, pattern_rule

_NUMBER = "[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){5,35}"
_CUED = re.compile(
    cues(
        "订单|运单|快递|物流|工单|退款|交易|流水|发票|退货|包裹|取件|单据|申请|单号",
        "order|tracking|shipment|parcel|waybill|invoice|ticket|case|reference|ref|booking|transaction|refund",
    )
    + '(?:编号|号码|单号|号|(?<=号)| ?(?:number|no\\.?|id|code|#)|(?<=[A-Za-z]))[ ]{0,2}(?:[:#=是为]|is)?[ #"]{0,3}'
    + f"({_NUMBER})",
    re.IGNORECASE,
)
# Carriers' own forms: SF Express, YTO, JD, UPS, and the Universal Postal Union's S10.
_CARRIER = re.compile(
    "(?<![A-Za-z0-9])(?:SF[0-9]{12,15}|(?:YT|JT)[0-9]{13}|JD[A-Z]{0,2}[0-9]{9,15}|1Z[0-9A-Z]{16}|[A-Z]{2}[0-9]{9}[A-Z]{2}"
    "|(?:ZTO|STO|YD|DB|EMS)[0-9]{10,15})(?![A-Za-z0-9])"
)
# What is a mobile number stays one, whatever stands before it.
_MOBILE = re.compile("(?:86)?1[3-9][0-9]{9}")


def _is_number(match: re.Match[str]) -> bool:
    token = match.group(1)
    return sum(c.isdigit() for c in token) >= 5 and _MOBILE.fullmatch(token.replace("-", "")) is None


RULES: tuple[Rule, ...] = (
    pattern_rule("ORDER_NUMBER", _CUED, 4, group=1, accept=_is_number),
    pattern_rule("ORDER_NUMBER", _CARRIER, 4),
)
