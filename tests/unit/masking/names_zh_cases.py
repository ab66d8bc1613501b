"""One hundred and seventy Chinese sentences with labelled names, written before the rules and never used to tune them.

Each template is filled twice, from lists that are walked with a stride, so every run sees the same sentences.
`N` is a Chinese name, `F` a transliterated one, `M` a minority name with a middle dot. All people are invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

_CHINESE = (
    "陈思远 李晓燕 王建国 周洋 张丽 刘俊杰 赵一鸣 黄雅琴 吴振华 徐梦瑶 孙桂芳 胡志强 朱可欣 林婉清 何家豪 "
    "郭冬梅 马跃 罗诗涵 梁文博 宋佳颖 郑海涛 谢雨桐 韩雪松 唐宇轩 冯玉兰 于海波 董明旭 萧子墨 程潇雨 曹颖慧 "
    "袁立新 邓紫薇 许昌平 傅小芸 沈静怡 曾国瑞 彭于洋 吕品贤 苏沐言 卢俊辉 蒋勤 蔡依云 贾正 丁一凡 魏然 "
    "薛恒之 叶青禾 阎锡礼 余秋月 潘石 杜若溪 戴安宁 夏杰 汪洋洋 田甜 任重山 姜文斌 范思琪 方圆 石磊 姚远 谭韵 "
    "廖凡星 邹市宁 熊黛 金秀珍 陆毅安 郝建设 孔令奇 白雪莹 崔健民 康辉煌 毛彤 邱淑贞 秦燕 江疏桐 史可心 "
    "顾长明 侯勇军 邵逸 孟非凡 龙应天 万茜茜 段宏奕 漆溪 雷音 钱枫林 汤一唯 尹正浩 黎明辉 易扬 常远志 武艺 "
    "乔杉月 贺军 赖云美 龚琳娜 文章平 庞博文 樊胜楠 兰晓峰 殷桃红 施展鹏 陶虹雨 洪天明 翟潇湘 安以恒 颜丹青 "
    "倪妮 严宽怀 牛莉莎 温碧莲 季晨曦 俞鸿 章怡然 鲁豫章 葛美优 伍嘉诚 韦雪梅 申敏儿 尤小钢 毕福生 聂远山 "
    "丛姗 焦俊恩 向佐佑 柳岩松 邢傲 路金海 岳云天 齐秦川 梅雨婷 莫小棋 庄必凡 辛芷若 管彤彤 祝丹绪 左小青 "
    "涂松柏 谷爱萍 祁隆基 时小军 舒畅怀 耿乐天 牟星月 卜凡 纪凌云 欧阳明珠 司马南风 上官婉如 诸葛青云 "
    "慕容晓晓 皇甫明嵩 令狐之冲 尉迟恭平 東方朔月 陳麗華 張國棟 劉德海 蕭亞蘭".split()
)
_FOREIGN = (
    "卡佩罗 诺维茨基 贝尔萨 安切尔蒂 桑托斯 科瓦奇 罗德里格斯 约翰逊 穆勒 施耐德 克洛策 伊万诺夫 费尔南多 "
    "科比·布莱恩特 哈里森 莫德罗维奇 斯蒂芬·金斯利 索菲亚·罗兰德 彼得罗维奇 麦克唐纳 阿奎拉 范佩里 伯格曼 "
    "托马斯·穆勒 威尔逊 布兰切尔 杰克逊 特里 卡洛斯 伊布拉诺维奇".split()
)
_MINORITY = "阿依古丽·买买提 艾力·吐尔逊 古丽娜扎·托合提 次仁·多吉 买买提明·阿不都拉 巴哈尔古丽·热合曼".split()

_TEMPLATES = (
    "主教练F在接受采访时表示球队状态不错",
    "据记者N报道，本周气温将明显回升",
    "客户N反映热水器安装后一直漏水",
    "联系人：N，电话稍后补充",
    "我叫N，昨天买的手机还没有发货",
    "收件人N，麻烦尽快送达",
    "N说他会在下周三之前完成付款",
    "公司创始人N和N共同出席了发布会",
    "快递员N昨天下午把包裹放在了门卫室",
    "请转告N先生，合同已经寄出",
    "N女士投诉客服态度差，要求道歉",
    "姓名：N 性别：女",
    "本报讯 记者N N 通讯员N",
    "导演N的新片将于国庆档上映",
    "F在第七十八分钟打入制胜一球",
    "央行行长N认为通胀压力仍然可控",
    "昨天是N给我打的电话，说可以退款",
    "我老公N的身份证丢了，怎么补办",
    "由N律师担任本案的代理人",
    "订单里填的收货人是N，请改成N",
    "N、N和N三位员工获得年度表彰",
    "医生N建议患者多休息",
    "我是N，之前咨询过宽带的事情",
    "前锋F受伤，将缺席下一场比赛",
    "据悉，N已于上月离职",
    "请问N经理在吗",
    '{"name":"N","city":"杭州"}',
    "收货人=N&phone=1",
    "对于这样的结果，N感到非常满意",
    "这部小说的作者是N",
    "持卡人N称并未进行该笔交易",
    "采访中F透露自己即将退役",
    "M是我们店里的老顾客",
    "乘客M的行李落在了车上",
    "N老师今天请假了",
    "您好，我想找一下N",
    "代表公司签字的是副总裁N",
    "F与F在决赛中相遇",
    "分析师N指出，房价短期内不会大幅下跌",
    "N出生于一九八六年，现任市场部主管",
    "麻烦把会议纪要发给N",
    "工程师N（工号未知）负责此次检修",
    "同事N帮我代收了快递",
    "该基金由N管理，成立以来收益稳定",
    "N告诉记者，他从未收到过通知",
    "演员N凭借该片获得最佳女主角",
    "车主N的保险下月到期",
    "我妈妈叫N，她不会用手机",
    "N签收了包裹，但里面少了一件",
    "被告人N不服一审判决，提出上诉",
    "患者N，男，四十二岁",
    "F的经纪人否认了转会传闻",
    "随后N走进会议室，大家都站了起来",
    "总经理N在年会上发表讲话",
    "“这批货有问题。”N说",
    "客服N为您服务",
    "大学教授N发表了最新研究成果",
    "N的电话打不通",
    "寄件人：N\n地址：另附",
    "导师N带领学生完成了实验",
    "小区业主N表示物业多次推诿",
    "F说：我们还有机会",
    "有一位叫N的顾客来店里找过您",
    "N已经到楼下了，你下来拿一下",
    "开户名N，开户行另行通知",
    "球迷们高喊着F的名字",
    "美国总统F周二发表电视讲话",
    "请N尽快回电",
    "工单已指派给N处理",
    "我把钱转给N了，一直没有收到货",
    "班主任N联系了家长",
    "主持人N与嘉宾N现场互动",
    "N等人因涉嫌诈骗被警方带走",
    "申请人N提交的材料不完整",
    "您的专属顾问N，微信同号",
)
_WITHOUT = (
    "华为和小米的手机哪个更值得买",
    "高兴得太早了，于是又下了一单",
    "周一到周五都方便，安排时间就行",
    "这款金牌产品成功入选全国十强",
    "马上就要到了，谢谢您的理解",
    "钱已经退回原路，请注意查收",
    "方便的话申请一下售后，单号发我",
    "黄金周期间物流可能会有延误",
    "安装师傅说明天上午过来",
    "程序出错，任何操作都没有反应",
    "江苏和安徽的仓库都有现货",
    "白色的没有了，只有黄色和金色",
    "严重影响使用，要求全额退款",
    "史上最低价，万人好评",
    "苹果和三星的耳机能通用吗",
    "应该是网络问题，关闭后重新登录",
    "温馨提示：请保管好随身物品",
    "包装破损，商品有明显划痕",
    "张家界三日游的价格是多少",
    "西门子冰箱的门封条需要更换",
)


@dataclass(frozen=True)
class Case:
    """A sentence and the spans of its names, [start, end)."""

    text: str
    spans: tuple[tuple[int, int], ...]


def _walk(names: tuple[str, ...] | list[str], stride: int) -> Iterator[str]:
    at = 0
    while True:
        yield names[at % len(names)]
        at += stride


def cases() -> list[Case]:
    """The sentences, in a fixed order: each template twice, then those without a name."""
    lists = {"N": _walk(_CHINESE, 7), "F": _walk(_FOREIGN, 7), "M": _walk(_MINORITY, 5)}
    filled = []
    for template in chain(_TEMPLATES, _TEMPLATES):
        text, spans = "", []
        for character in template:
            piece = next(lists[character]) if character in lists else character
            if character in lists:
                spans.append((len(text), len(text) + len(piece)))
            text += piece
        filled.append(Case(text, tuple(spans)))
    return filled + [Case(text, ()) for text in _WITHOUT]
