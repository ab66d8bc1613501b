"""Values as people write them in chats: beside numerals that are words, glued to each other, behind casual cues."""

import pytest

from privacy.masking import Masker
from tests.generated import with_id_check, with_luhn

MASKER = Masker.default()
ID = with_id_check("11010119900307451")
CARD = with_luhn("622202123456789012")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"我的身份证是{ID}一直没过审", "我的身份证是<CN_RESIDENT_ID>一直没过审"),
        (f"刷了{CARD}两次", "刷了<CREDIT_CARD>两次"),
        (f"转{CARD}八百元", "转<CREDIT_CARD>八百元"),
        ("打13800138000九点后", "打<PHONE_NUMBER>九点后"),
        ("唯一13800138000", "唯一<PHONE_NUMBER>"),
        ("手机13800138000一直打不通", "手机<PHONE_NUMBER>一直打不通"),
        ("电话13800138000 9点后", "电话<PHONE_NUMBER> 9点后"),
        ("010-62345678一直占线", "<PHONE_NUMBER>一直占线"),
        ("ip 203.0.113.67一直掉线", "ip <IP_ADDRESS>一直掉线"),
        ("IP是192.0.2.100，一直掉线", "IP是<IP_ADDRESS>，一直掉线"),
        ("加我138一二三四5678", "加我<PHONE_NUMBER>"),
        ("13800138〇〇〇", "<PHONE_NUMBER>"),
        ("l38OO138OOO", "<PHONE_NUMBER>"),
        ("电话 13912345O78", "电话 <PHONE_NUMBER>"),
        (f"13800138000{ID}", "<PHONE_NUMBER><CN_RESIDENT_ID>"),
        ("1380013800013900139000", "<PHONE_NUMBER><PHONE_NUMBER>"),
        ("密碼：abc123456", "密碼：<PASSWORD>"),
        ("滬A12345", "<CN_LICENSE_PLATE>"),
        ("MTM44oCLMDAxM+KAizgwMDA=", "<PHONE_NUMBER>"),
        ('{"user":"jd","pwd":"a b c"}', '{"user":"jd","pwd":"<PASSWORD>"}'),
        ("密码改成qwer1234", "密码改成<PASSWORD>"),
        ("<password>p4ssw0rd</password>", "<password><PASSWORD></password>"),
        ("mysql://root:p4ssw0rd@localhost/app", "mysql://root:<PASSWORD>@localhost/app"),
        ("https://example.com/?pwd=p4ss&next=/a", "https://example.com/?pwd=<URL_PARAMETER>&next=/a"),
        ("验证码：AB3K9", "验证码：<ONE_TIME_CODE>"),
        ("邮编215123", "邮编<ADDRESS>"),
        ("加Q 1058847721", "加Q <SOCIAL_HANDLE>"),
        ("麻烦转张先生", "麻烦转<PERSON>先生"),
        ("我是付先生， 请问", "我是<PERSON>先生， 请问"),
    ],
)
def test_a_value_in_plain_talk_is_masked_and_nothing_beside_it(text: str, expected: str) -> None:
    masked = MASKER.mask_text(text).text
    assert masked == expected
    assert MASKER.mask_text(masked).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "条码6901234567892",
        "型号G28233515",
        "¥13,800,138,000",
        "密码错误，怎么办",
        "my password is wrong",
        "这张卡用不了，张嘴就来",
        "版本v14.9.2装不上",
        "时尚女士包，尊敬的女士",
    ],
)
def test_what_only_looks_like_a_value_stays(text: str) -> None:
    assert MASKER.mask_text(text).text == text
