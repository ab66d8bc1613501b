"""Names, addresses and dates of birth of people who do not exist."""

from random import Random

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任"
    "姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戴莫孔向"
    "汤"
)
_DOUBLE_SURNAMES = ("欧阳", "司马", "诸葛", "上官", "慕容", "司徒", "夏侯", "令狐")
_GIVEN = (
    "伟芳娜秀敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂玲辉鹏飞红玉兰英华慧建国志文斌宇浩然子轩梓涵欣怡雨萱思佳"
    "嘉琪俊峰晨曦雅婷诗琦天佑博梦瑶淑贞永康振海云帆若冰韵知远启航"
)
_FIRST = (
    "Oliver Amelia Harry Isla Noah Freya Leo Poppy Arthur Ivy Muhammad Ava Theodore Elsie Priya Rohan Ananya "
    "Kenji Yuki Mateo Lucia Diego Camila Fatima Omar Aisha Dmitri Svetlana Bjorn Astrid Chiara "
    "Luca Niamh Siobhan Wei Mei Jamal Keisha"
).split()
_LAST = (
    "Whitfield Okafor Hargreaves Lindqvist Marchetti Fernandez Kowalski Papadopoulos Nakamura Venkatesan "
    "Abernathy Delacroix Thornton Beaumont Castellano Haddad Ivanova Johansson Kaplan Mbeki Novak Ortega "
    "Petrov Quigley Rosenberg Stavros "
    "Turner Underwood Vasquez Winters Yamamoto Zimmerman O'Leary McAllister"
).split()
_CITIES = (
    ("浙江省杭州市", ("西湖区", "滨江区", "余杭区")), ("江苏省苏州市", ("吴中区", "姑苏区")),
    ("北京市", ("海淀区", "朝阳区")),
    ("上海市", ("浦东新区", "徐汇区", "静安区")), ("广东省深圳市", ("南山区", "福田区", "龙岗区")),
    ("四川省成都市", ("武侯区", "锦江区")), ("湖北省武汉市", ("洪山区", "江岸区")),
    ("陕西省西安市", ("雁塔区", "碑林区")),
)  # fmt: skip
_ROADS = "文一西路 人民中路 中山北路 学院路 长江大道 建设南街 解放路 滨河东路 科技园南路 青年街".split()
_ESTATES = "阳光花园 金色家园 万科城 翠湖名苑 绿地国际 锦绣江南 福星小区 和平里".split()
_STREETS = (
    "Maple Avenue|Station Road|Elm Street|Harbour Lane|Kingsway|Oakridge Drive|Mill Hill Road|Sunset Boulevard".split(
        "|"
    )
)
_TOWNS = (
    "Springfield, IL 62704", "Portland, OR 97205", "Leeds LS1 4DY", "Bristol BS1 5TR", "Austin, TX 78701",
    "Galway H91 E6K2", "Wellington 6011",
)  # fmt: skip
_MONTHS = "January February March April May June July August September October November December".split()


def chinese_name(rng: Random) -> str:
    """Return a Chinese name of two to four characters."""
    surname = rng.choice(_DOUBLE_SURNAMES) if rng.random() < 0.04 else rng.choice(_SURNAMES)
    return surname + "".join(rng.sample(_GIVEN, 2 if rng.random() < 0.7 else 1))


def english_name(rng: Random) -> str:
    """Return a first and a last name from one of many countries."""
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def chinese_address(rng: Random) -> str:
    """Return an address down to the door, or to the house number."""
    city, districts = rng.choice(_CITIES)
    road = f"{city}{rng.choice(districts)}{rng.choice(_ROADS)}{rng.randint(1, 999)}号"
    if rng.random() < 0.3:
        return road
    door = f"{rng.randint(1, 4)}单元{rng.randint(1, 33)}0{rng.randint(1, 6)}室"
    return f"{road}{rng.choice(_ESTATES)}{rng.randint(1, 30)}栋{door}"


def western_address(rng: Random) -> str:
    """Return a street with house number and town."""
    flat = rng.choice(("", "", f", Apt {rng.randint(1, 40)}{rng.choice('ABC')}", f", Flat {rng.randint(1, 20)}"))
    return f"{rng.randint(1, 1999)} {rng.choice(_STREETS)}{flat}, {rng.choice(_TOWNS)}"


def chinese_date_of_birth(rng: Random) -> str:
    """Return a date in one of the Chinese ways of writing it."""
    year, month, day = rng.randint(1945, 2008), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(("{}年{}月{}日", "{}-{:02}-{:02}", "{}/{:02}/{:02}", "{}.{}.{}")).format(year, month, day)


def english_date_of_birth(rng: Random) -> str:
    """Return a date in one of the English ways of writing it."""
    year, month, day = rng.randint(1945, 2008), rng.randint(1, 12), rng.randint(1, 28)
    written = (
        f"{day} {_MONTHS[month - 1]} {year}",
        f"{_MONTHS[month - 1]} {day}, {year}",
        f"{day:02}/{month:02}/{year}",
    )
    return rng.choice((*written, f"{year}-{month:02}-{day:02}"))
