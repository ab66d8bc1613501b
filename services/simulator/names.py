"""Parts of generated names: common surnames and given names, joined at random."""

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)

# None of them opens a word that a template uses after one of the surnames: the tests hold the two apart.
GIVEN_CHARACTERS = "伟芳娜敏静丽强磊洋勇艳杰娟涛超霞桂刚英兰玉萍红鹏辉玲浩宇轩梓涵欣怡佳琪晨曦昊博雅婷雪倩颖俊峰凯"

FIRST_NAMES = (
    "James", "Mary", "Robert", "Patricia", "John", "Jennifer", "Michael", "Linda", "David", "Elizabeth",
    "William", "Barbara", "Richard", "Susan", "Joseph", "Jessica", "Thomas", "Sarah", "Charles",
    "Karen", "Daniel", "Nancy", "Matthew", "Lisa", "Anthony", "Betty", "Steven", "Sandra", "Andrew",
    "Ashley", "Paul", "Emily", "Joshua", "Donna", "Kenneth", "Michelle", "Kevin", "Carol", "Brian",
    "Amanda", "George", "Melissa", "Edward", "Deborah", "Ronald", "Stephanie",
)  # fmt: skip

LAST_NAMES = (
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Rodriguez",
    "Martinez", "Hernandez", "Lopez", "Gonzalez", "Wilson", "Anderson", "Thomas", "Taylor", "Moore",
    "Jackson", "Martin", "Lee", "Perez", "Thompson", "White", "Harris", "Sanchez", "Clark", "Ramirez",
    "Lewis", "Robinson", "Walker", "Young", "Allen", "King", "Wright", "Scott", "Torres", "Nguyen",
    "Hill", "Flores", "Green", "Adams", "Nelson", "Baker", "Hall", "Rivera",
)  # fmt: skip

# Words that e-mail addresses, WeChat ids and social handles are put together from.
NICKS = (
    "lotus", "panda", "comet", "maple", "willow", "harbor", "sparrow", "tiger", "bamboo", "orchid",
    "falcon", "river", "pearl", "coral", "amber", "cedar", "breeze", "meadow", "ginger", "pepper",
    "cobalt", "indigo", "walnut", "saffron", "quartz", "pebble", "aurora", "delta", "ember", "hazel",
)  # fmt: skip
