# ruff: noqa: E501 - a sentence reads best on one line
"""What people, bots and agents say, in two languages. Sentences are put together from these parts.

Slots: {product}, {order}, {days}, {place}. Personal data only comes in through the sentences of `reveals`,
one slot each, always after a cue where it is a name or a WeChat id.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """The parts of one language. Keys of `questions` and `posts` are topics; `reveals` has kinds of data."""

    products: tuple[str, ...]
    places: tuple[str, ...]
    greetings: tuple[str, ...]
    questions: dict[str, tuple[str, ...]]
    again: tuple[str, ...]
    human: tuple[str, ...]
    angry: tuple[str, ...]
    polite: tuple[str, ...]
    thanks: tuple[str, ...]
    bot_answers: tuple[str, ...]
    bot_fails: tuple[str, ...]
    handing_over: tuple[str, ...]
    agent_answers: tuple[str, ...]
    agent_closes: tuple[str, ...]
    to_agent: tuple[str, ...]
    posts: dict[str, tuple[str, ...]]
    comments_good: tuple[str, ...]
    comments_bad: tuple[str, ...]
    searches: tuple[str, ...]
    reveals: dict[str, tuple[str, ...]]


CHINESE = Phrases(
    products=("空气净化器", "蓝牙耳机", "扫地机器人", "电饭煲", "登山包", "保温杯", "儿童座椅", "机械键盘",
              "羽绒服", "跑步鞋", "咖啡机", "台灯", "电动牙刷", "行李箱", "投影仪"),
    places=("上海", "北京", "广州", "成都", "杭州", "武汉", "西安", "厦门", "南京", "深圳"),
    greetings=("你好，", "您好，", "请问", "在吗？", "", "", "哈喽，", "打扰一下，"),
    questions={
        "purchase": ("这款{product}有货吗？", "{product}现在有什么优惠？", "{product}的尺寸和颜色怎么选？",
                     "{product}能送到{place}吗？", "付款页面一直转圈，{product}怎么下单？", "{product}和上一代有什么区别？",
                     "优惠券用不了，{product}还能便宜吗？"),
        "delivery": ("我的{product}怎么还没到？", "订单{order}已经{days}天没有更新物流了", "快递什么时候能到{place}？",
                     "物流显示已签收，可是我没收到{product}", "能不能改一下收货地址，寄到{place}？", "{product}说好三天到，现在都{days}天了"),
        "refund": ("{product}我想退货，怎么操作？", "退款{days}天了还没到账", "订单{order}的退款到哪一步了？",
                   "收到的{product}是坏的，我要退款", "退货的运费谁出？", "{product}买贵了，能退差价吗？"),
        "invoice": ("订单{order}怎么开发票？", "发票抬头写错了，能重开吗？", "电子发票一直没收到", "可以开专用发票吗？",
                    "发票金额和实付不一样，怎么改？"),
        "technical": ("{product}连不上网，怎么办？", "应用一打开就闪退", "验证码一直收不到，登录不了", "{product}充不进电了",
                      "更新以后{product}就没有声音了", "页面提示错误代码{days}，是什么意思？"),
        "complaint": ("你们{place}门店的服务让我很失望", "等了{days}天没有人理我，我要投诉", "{product}用了{days}天就坏了，质量太差",
                      "客服答应给我回复，一直没有消息", "同一个问题我反映了好几次，没有人解决"),
    },
    again=("我再说一遍：", "还是那个问题，", "没看懂吗？", "我刚才问的是："),
    human=("转人工", "我要找人工客服", "能不能让真人来回答？", "麻烦转接人工，谢谢", "人工服务！", "不要机器人，找个人跟我说"),
    angry=("太差了！", "真让人生气。", "我很失望。", "再这样我就投诉了。", "糟糕透了。", "你们到底管不管？", "浪费我的时间！"),
    polite=("麻烦您了。", "谢谢！", "辛苦了。", "不急，慢慢来。", "拜托了~", ""),
    thanks=("好的，谢谢", "明白了，谢谢您", "可以了，多谢", "解决了，谢谢！", "好的，我知道了"),
    bot_answers=("已为您查到：您可以在“我的订单”里直接办理。", "这款目前有货，下单后三天内送达。", "已经为您提交，预计一个工作日内完成。",
                 "请在设置里重新登录一次，问题就能解决。", "优惠券在付款页面自动抵扣。"),
    bot_fails=("抱歉，我没有理解您的问题，请换个说法。", "您可以查看帮助中心的常见问题。", "请问您要咨询的是订单、物流还是售后？",
               "很抱歉，暂时无法回答这个问题。", "请您再描述得详细一些。"),
    handing_over=("正在为您转接人工客服，请稍候。", "已为您转人工，前面还有两位。"),
    agent_answers=("您好，我是人工客服，正在查看您的记录。", "已经看到您的订单，我帮您加急处理。", "我这边为您登记了，结果会通知您。",
                   "给您带来不便非常抱歉，我马上核实。", "这个情况可以办理，我现在就提交。"),
    agent_closes=("已经处理好了，请问还有其他问题吗？", "处理完成，祝您生活愉快。", "这个问题需要上级主管处理，我已经提交。"),
    to_agent=("好的，请快一点", "我等了很久了", "就是这个订单", "嗯，对的", "需要我提供什么吗？"),
    posts={
        "complaint": ("{product}用了{days}天就坏了，客服还不理人，太差了", "再也不在这家买{product}了，等了{days}天", "{place}的门店态度糟糕，避雷"),
        "delivery": ("{days}天了，我的{product}还在路上，有人管吗？", "物流停在{place}{days}天，失望"),
        "purchase": ("新买的{product}真不错，推荐", "有人用过这家的{product}吗？怎么样？"),
    },
    comments_good=("回答很快", "态度很好，解决了问题", "", "满意"),
    comments_bad=("机器人答非所问", "等太久了", "问题没有解决", "", "非常不满意"),
    searches=("{product}", "{product} 优惠", "{product} 怎么样", "退货政策", "{place} 门店", "开发票"),
    reveals={
        "mobile": ("我的手机号是{0}。", "电话{0}，随时可以打。", "请打{0}联系我。", "手机:{0} "),
        "resident_id": ("身份证号{0}。", "实名用的身份证是{0}。"),
        "bank_card": ("退到银行卡{0}就行。", "卡号是{0}。"),
        "email": ("发到我邮箱{0}。", "邮箱：{0}。", "请回复到 {0} 谢谢。"),
        "ipv4": ("我的IP是{0}。", "登录地址显示{0}，"),
        "plate": ("车牌{0}，送到停车场也行。", "我的车牌号是{0}。"),
        "name": ("我叫{0}。", "我叫{0}，", "你好，我叫{0}，"),
        "title": ("我是{0}，", "我是{0}。"),
        "surname": ("我姓{0}。", "免贵姓{0}，"),
        "wechat": ("微信号 {0} 。", "加我微信号：{0}。", "wx: {0} "),
    },
)  # fmt: skip

ENGLISH = Phrases(
    products=("air purifier", "headphones", "robot vacuum", "rice cooker", "backpack", "thermos", "car seat",
              "keyboard", "down jacket", "running shoes", "espresso machine", "desk lamp", "toothbrush", "suitcase",
              "projector"),
    places=("Shanghai", "Beijing", "Guangzhou", "Chengdu", "Hangzhou", "Wuhan", "Shenzhen", "Xiamen"),
    greetings=("Hi, ", "Hello, ", "Good morning, ", "", "", "Hey, ", "Hi there, ", "Excuse me, "),
    questions={
        "purchase": ("is the {product} in stock?", "is there a discount on the {product}?", "which size of the {product} should I take?",
                     "do you ship the {product} to {place}?", "the checkout keeps loading, how can I order the {product}?",
                     "how does the {product} differ from last year's?", "my voucher does not work for the {product}, why?"),
        "delivery": ("where is my {product}?", "order {order} has had no tracking update for {days} days", "when will the parcel reach {place}?",
                     "tracking says delivered but I never got the {product}", "can you change the delivery address to {place}?",
                     "you promised the {product} in three days, it has been {days}"),
        "refund": ("how do I return the {product}?", "my refund is {days} days late", "what is the status of the refund for order {order}?",
                   "the {product} arrived broken and I want my money back", "who pays for the return shipping?",
                   "the {product} is cheaper now, can I get the difference back?"),
        "invoice": ("how do I get an invoice for order {order}?", "the company name on the invoice is wrong, can you reissue it?",
                    "the invoice never arrived, can you send it again?", "can I have a VAT invoice?", "the invoice shows another amount than I paid"),
        "technical": ("the {product} does not connect to the network, what can I do?", "the app crashes when I open it",
                      "I never receive the login code", "the {product} does not charge any more", "after the update the {product} has no sound",
                      "what does error code {days} mean?"),
        "complaint": ("the service in your {place} store was terrible", "I waited {days} days and nobody answered, this is a complaint",
                      "the {product} broke after {days} days, awful quality", "you promised to call me back and nobody did",
                      "I reported this several times and nobody solved it"),
    },
    again=("I said it before: ", "Again: ", "Same question: ", "As I asked: "),
    human=("I want to speak to a human", "agent please", "can I talk to a real person?", "please transfer me to an agent",
           "human! not a bot", "let me speak to someone in support"),
    angry=("This is terrible!", "I am really angry.", "Very disappointed.", "This is unacceptable.", "What an awful service.",
           "You are wasting my time!", "I will file a complaint."),
    polite=("Thank you!", "Many thanks.", "No hurry.", "I appreciate your help.", "", "Please."),
    thanks=("great, thanks", "that helps, thank you", "all good now, thanks!", "got it, thank you", "solved, thanks"),
    bot_answers=("You can do that under 'My orders'.", "It is in stock and arrives within three days.", "I have submitted it; it takes one working day.",
                 "Please sign out and in again, that solves it.", "The voucher is applied on the payment page."),
    bot_fails=("Sorry, I did not understand. Could you say it in other words?", "Have a look at the questions in our help centre.",
               "Is it about an order, a delivery or a return?", "Sorry, I cannot answer that yet.", "Could you tell me more, please?"),
    handing_over=("I am connecting you to an agent, one moment please.", "Handing you over; two customers are before you."),
    agent_answers=("Hello, you are talking to the support team, I am looking at your record.", "I can see the order and will speed it up.",
                   "I have noted it and you will hear from us.", "I am sorry about this, let me check.", "That is possible, I am submitting it now."),
    agent_closes=("It is done. Anything else?", "All settled, have a nice day.", "This needs a supervisor, I have passed it on."),
    to_agent=("ok, please be quick", "I have been waiting for long", "yes, that order", "right", "do you need anything from me?"),
    posts={
        "complaint": ("the {product} broke after {days} days and support ignores me, terrible", "never again a {product} from them, waited {days} days",
                      "the staff in {place} were awful"),
        "delivery": ("{days} days and my {product} is still on its way, anyone there?", "parcel stuck in {place} for {days} days, disappointed"),
        "purchase": ("love my new {product}, recommended", "has anybody tried their {product}?"),
    },
    comments_good=("quick answer", "friendly and solved", "", "very happy"),
    comments_bad=("the bot did not get it", "waited too long", "not solved", "", "very unhappy"),
    searches=("{product}", "{product} discount", "{product} review", "return policy", "store in {place}", "invoice"),
    reveals={
        "mobile": ("My number is {0}.", "Call me on {0}, any time.", "Phone: {0} "),
        "resident_id": ("My ID card number is {0}.", "ID {0} is the one I registered with."),
        "bank_card": ("Please refund to card {0}.", "My card is {0}."),
        "email": ("Send it to {0} please.", "My email is {0}.", "You can reach me at {0} "),
        "ipv4": ("My IP address is {0}.", "The login came from {0}, they say."),
        "plate": ("My plate is {0}.", "Look for the car {0} please."),
        "name": ("My name is {0}.", "my name is {0}, ", "This is {0} speaking."),
        "title": ("my name is {0}. ",),
        "surname": ("This is {0} speaking, ",),
        "wechat": ("wx: {0} ", "My wechat: {0} ."),
    },
)  # fmt: skip

BY_LANGUAGE = {"zh": CHINESE, "en": ENGLISH}
