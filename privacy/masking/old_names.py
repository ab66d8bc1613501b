"""Names of people after cues and before titles, Chinese and English."""

import re
from collections.abc import Callable

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安"
    "齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷曲盛冉翁蓝路游辛靳"
    "管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵常武赖覃甄郁尧桑巩晁仇樊"
)
_COMPOUND = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|令狐|司徒|东方|夏侯|端木|南宫"
_SURNAME = f"(?:{_COMPOUND}|[{_SURNAMES}])"
_HAN = "\u4e00-\u9fff"
_TITLE = "先生|女士|小姐|老师|师傅|经理|同学|太太|阿姨|总(?![是之共])"
# What may follow a name inside a sentence: without it "我叫张伟想退货" would take 想 for part of the name.
_FOLLOWING = "想要的是在有和买订来请我你这那电手联住身号呢啊呀吧哦哈之昨今已刚前下收需因急谢没不怎什哪谁可了吗"
_AFTER = f"(?=[^{_HAN}]|$|{_TITLE}|[{_FOLLOWING}])"
_CHINESE = f"{_SURNAME}(?:(?={_TITLE})|[{_HAN}]{{1,2}}?{_AFTER}|[{_HAN}]{{1,2}})"
_CHINESE_STRICT = f"{_SURNAME}(?:(?={_TITLE})|[{_HAN}]{{1,2}}?{_AFTER})"

_ROLES = "名字|姓名|收件人|收货人|联系人|持卡人|乘客|车主|户主|用户名|客户|开户名|寄件人"
_ZH_CUES = f"(?:我(?:的名字|名字)?叫做?|(?:{_ROLES})(?:叫|是|为)?|本人(?:叫|是)?|叫我|称呼我)[: ]{{0,2}}"
_EN_WORD = "[A-ZÀ-Þ](?:['’][A-ZÀ-Þ])?[a-zà-ÿ]+(?:[A-ZÀ-Þ][a-zà-ÿ]+)?(?:-[A-ZÀ-Þ][a-zà-ÿ]+)?"
_EN_NAME = f"{_EN_WORD}(?: (?:[A-Z]\\. ?)?{_EN_WORD}){{0,2}}"
_EN_ANY = "[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'’-]+(?: [A-ZÀ-Þ][A-Za-zÀ-ÿ'’-]+){0,2}"
# After a cue that leaves no doubt a name may be written in capitals.
_EN_LOUD = f"(?:{_EN_WORD}|[A-ZÀ-Þ]{{2,}})(?: (?:[A-Z]\\. ?)?(?:{_EN_WORD}|[A-ZÀ-Þ]{{2,}})){{0,2}}"
_NOT_A_NAME = frozenset(
    "a an the not on in at my your this that it still here so very just also going trying calling writing looking "
    "having getting sorry sure unable interested happy glad afraid wondering waiting using under wrong missing "
    "misspelled different correct spelled already only from with and but no yes ok okay new".split()
)
_NOT_CHINESE_NAME = re.compile("什么|怎么|哪|谁|客服|人工|多少|时候|可以|不|没|了|吗|过|款|让|色")
# Everyday words that begin with a character that is also a surname.
_CHINESE_WORDS = frozenset(
    "谢谢 安排 申请 应该 方便 时间 白天 高级 成功 任何 马上 和你 和您 连接 毕竟 关于 于是 温馨 "
    "程序 包装 包括 明天 何时 方式 方法 方案 时段 时效 单号 单子 单独 安装 安全 高兴 高速 严重 "
    "金额 金牌 周一 周二 周三 周四 周五 周六 周日 周末 万一 万分 常见 常用 平台 平时 全部 全额 "
    "满意 满减 通知 通过 支付 支持 解决 解释 费用 费心 路上 路过 游戏 计算 计划 关闭 关注 关键 "
    "白色 黄色 蓝色 金色 米色 华为 石头 季度 古老 顾客 申诉 向您 向你 管理 景区 简单 简直 水果 "
    "习惯".split()
)


def _is_english_name(text: str) -> bool:
    return text.split(" ", maxsplit=1)[0].lower() not in _NOT_A_NAME


def _is_chinese_name(text: str) -> bool:
    return text not in _CHINESE_WORDS and _NOT_CHINESE_NAME.search(text[1:]) is None


PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...], Callable[[str], bool] | None], ...] = (
    (
        re.compile(f"(?:{_ZH_CUES})({_CHINESE})"),
        ("叫", "名", "本人", "联系人", "件人", "货人", "持卡人", "乘客", "车主", "户主", "客户", "称呼"),
        _is_chinese_name,
    ),
    (re.compile(f"(?:我|这里|这边|我这边)是({_CHINESE_STRICT})(?!的)"), ("我是", "里是", "边是"), _is_chinese_name),
    (re.compile(f"(?<!同)(?<!百家)(?<!老百)(?:我|贵|叫|，|^|[, ])姓({_SURNAME})(?![{_HAN}]名)"), ("姓",), None),
    (
        re.compile(f"({_SURNAME}[{_HAN}]{{0,2}}?)(?:{_TITLE})"),
        tuple(_TITLE.replace("(?![是之共])", "").split("|")),
        _is_chinese_name,
    ),
    (
        re.compile(f"(?i:my (?:full |first |last )?name is|my name['’]s|call me|signed,?) ({_EN_ANY})"),
        ("name is", "name's", "name’s", "call me", "signed"),
        _is_english_name,
    ),
    (
        re.compile(f"(?i:name|customer|recipient|contact|passenger|cardholder) ?[:=] ?({_EN_LOUD})"),
        ("name:", "name :", "name=", "name =", "customer", "recipient", "contact", "passenger", "cardholder"),
        _is_english_name,
    ),
    (
        re.compile(
            f"(?:[Tt]his is|[Ii] am|[Ii]['’]m|[Ii]t['’]s) ({_EN_NAME})"
            "(?= (?:speaking|calling|here|from|again)|[,.!;]| and |$)"
        ),
        ("this is ", "i am ", "i'm ", "i’m ", "it's ", "it’s "),
        _is_english_name,
    ),
    (
        re.compile(f"(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Dr|Mister|Madam)\\.? ?({_EN_LOUD})"),
        ("mr", "ms", "miss", "dr", "mister", "madam"),
        None,
    ),
)
"""(pattern with the name as group 1, literals of which every text with a match contains one, last word on the name)."""
