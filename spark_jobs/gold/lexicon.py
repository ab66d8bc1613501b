"""Words that tell what a customer's text says, in Chinese and English, as patterns that Java and Rust read alike.

They are of lower case; who uses them ignores case or lowers it. The words are of the languages, not of any data.
"""

HUMAN = (
    "人工|真人|转接|客服人员|活人|找个人|"
    r"\b(?:human|real person|live agent|agent please|(?:speak|talk) to (?:an? )?(?:agent|person|someone)|"
    r"transfer me|representative|operator)\b"
)
NEGATIVE = (
    "投诉|差评|垃圾|失望|生气|气死|不满|太慢|没用|骗|糟糕|恶心|无语|太差|敷衍|浪费|到底|"
    r"\b(?:complain[a-z]*|terrible|awful|useless|angry|disappoint[a-z]*|ridiculous|unacceptable|worst|"
    r"frustrat[a-z]*|horrible|annoy[a-z]*|wast(?:e|ed|ing))\b"
)
THANKS = r"谢|辛苦|多亏|感谢|\b(?:thanks?|thank you|cheers|appreciate[a-z]*|great help)\b"
EMOJI = r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}]|\[[\p{sc=Han}]{1,3}\]|#E-[a-z]"
TOPICS = {
    "complaint": "投诉|太差|态度|失望|反映|没有人理|没人理|答应|质量|"
    r"\b(?:complain[a-z]*|rude|terrible|awful|nobody|promised to|reported this)\b",
    "refund": "退款|退货|退钱|退差价|差价|赔|坏的|"
    r"\b(?:refund[a-z]*|return(?:s|ed|ing)?|money back|difference back|compensat[a-z]*)\b",
    "invoice": r"发票|开票|抬头|专票|\b(?:invoices?|vat|receipts?)\b",
    "delivery": "物流|快递|没到|天到|发货|签收|送到|收货|还没收到|什么时候到|"
    r"\b(?:deliver[a-z]*|parcel|tracking|shipp[a-z]*|arriv[a-z]*|courier|where is my|"
    r"in (?:two|three|a few|[0-9]+) days)\b",
    "purchase": "有货|优惠|尺寸|颜色|下单|购买|区别|便宜|券|多少钱|价格|"
    r"\b(?:in stock|do you ship|discount[a-z]*|size|order the|checkout|voucher[a-z]*|price|buy|differ)\b",
    "technical": "连不上|闪退|验证码|登录不|充不进|没有声音|没声音|错误|故障|死机|打不开|"
    r"\b(?:crash[a-z]*|error|login code|log ?in|does not (?:connect|charge|work)|no sound|network|bug)\b",
}
"""Topics of customer service by their words; where two have as many, the earlier one here is meant."""
