"""Brings the names that others give to kinds of personal data to ours, so that sets and engines can be compared."""

import re

PHONE_NUMBER = "PHONE_NUMBER"
CN_RESIDENT_ID = "CN_RESIDENT_ID"
PASSPORT = "PASSPORT"
CN_TRAVEL_PERMIT = "CN_TRAVEL_PERMIT"
CREDIT_CARD = "CREDIT_CARD"
IBAN_CODE = "IBAN_CODE"
EMAIL_ADDRESS = "EMAIL_ADDRESS"
IP_ADDRESS = "IP_ADDRESS"
MAC_ADDRESS = "MAC_ADDRESS"
IMEI = "IMEI"
CN_LICENSE_PLATE = "CN_LICENSE_PLATE"
SOCIAL_HANDLE = "SOCIAL_HANDLE"
ORDER_NUMBER = "ORDER_NUMBER"
ADDRESS = "ADDRESS"
PERSON = "PERSON"
DATE_OF_BIRTH = "DATE_OF_BIRTH"
PASSWORD = "PASSWORD"  # noqa: S105 - the name of a kind of data
ONE_TIME_CODE = "ONE_TIME_CODE"
API_KEY = "API_KEY"
GEO_COORDINATES = "GEO_COORDINATES"
URL_PARAMETER = "URL_PARAMETER"
US_SSN = "US_SSN"

ALL_ENTITIES = (
    PHONE_NUMBER, CN_RESIDENT_ID, PASSPORT, CN_TRAVEL_PERMIT, CREDIT_CARD, IBAN_CODE, EMAIL_ADDRESS, IP_ADDRESS,
    MAC_ADDRESS, IMEI, CN_LICENSE_PLATE, SOCIAL_HANDLE, ORDER_NUMBER, ADDRESS, PERSON, DATE_OF_BIRTH, PASSWORD,
    ONE_TIME_CODE, API_KEY, GEO_COORDINATES, URL_PARAMETER, US_SSN,
)  # fmt: skip
"""Every kind of personal data that Mangrove looks for."""

KEPT_BY_DEFAULT = frozenset({ORDER_NUMBER})
"""Kinds that the default policy leaves readable: to see one elsewhere hides nothing of a person."""

_OTHER_NAMES = {
    PHONE_NUMBER: "phone mobile tel telephone phonenum phone_no mobile_phone mobile_number cellphone cell fax "
    "telephonenum landline 电话 手机 手机号 手机号码 电话号码 座机",
    CN_RESIDENT_ID: "id idcard id_card id_number idnum id_no identity identity_card resident_id cn_id cn_id_card "
    "national_id idcardnum 身份证 身份证号 身份证号码",
    PASSPORT: "us_passport passport_number passport_no passportnum passport_num 护照 护照号 护照号码",
    CN_TRAVEL_PERMIT: "travel_permit permit hk_macao_permit taiwan_permit 通行证 港澳通行证 台胞证 回乡证",
    CREDIT_CARD: "card bank_card bankcard credit_card_number creditcard creditcardnumber card_number card_no "
    "debit_card bank_card_number 银行卡 银行卡号 卡号 信用卡",
    IBAN_CODE: "iban",
    EMAIL_ADDRESS: "email mail e_mail email_address 邮箱 电子邮箱 邮件",
    IP_ADDRESS: "ip ipv4 ipv6 ip_addr ipaddress ip地址",
    MAC_ADDRESS: "mac mac_addr",
    IMEI: "imei_number phoneimei",
    CN_LICENSE_PLATE: "plate license_plate licence_plate car_plate plate_number vehicle_plate 车牌 车牌号",
    SOCIAL_HANDLE: "qq vx wx wechat weixin weibo handle social social_media username wechat_id qq_number 微信 微信号 "
    "微博",
    ORDER_NUMBER: "order order_no order_id tracking tracking_number tracking_no 订单号 订单 快递单号 运单号",
    ADDRESS: "street_address addr postal_address street home_address 地址 住址",
    PERSON: "name person per per_name person_name full_name names 姓名 人名 名字",
    DATE_OF_BIRTH: "dob birthday birth_date birthdate dateofbirth date_of_birth 生日 出生日期",
    PASSWORD: "pwd passwd pass 密码",
    ONE_TIME_CODE: "otp code verification_code one_time_password 验证码",
    API_KEY: "apikey token secret bearer bearer_token access_token key 密钥",
    GEO_COORDINATES: "geo coordinates coordinate gps latlon lat_lon nearbygpscoordinate 坐标 经纬度",
    URL_PARAMETER: "url_param query_parameter",
    US_SSN: "ssn social_security_number socialnum socialnumber",
}
_OURS = {other: entity for entity, others in _OTHER_NAMES.items() for other in (entity.lower(), *others.split())}


def canonical_entity(name: str) -> str:
    """Return our name for a kind of personal data; a name that is not known stays as it is.

    >>> canonical_entity("Mobile"), canonical_entity("ID-Card"), canonical_entity("GPE")
    ('PHONE_NUMBER', 'CN_RESIDENT_ID', 'GPE')
    """
    return _OURS.get(re.sub(r"[\s-]+", "_", name.strip().lower()), name)
