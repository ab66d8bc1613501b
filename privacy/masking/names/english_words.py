"""English words around names, and capitalised words that are no names."""

EVERYDAY = frozenset(
    "qq imei vip app wifi "
    "sorry happy sure unable interested glad afraid wondering waiting using under missing different going trying "
    "calling writing looking having getting wrong ready free busy done maybe later everyone team folks guys mate buddy "
    "a an the my your his her our their its this that these those it he she we you they i me him us them who "
    "what when where why how which and or but if so as at by for from in into of off on onto out over to up "
    "with about after again all also am any are be because been before being below both can cannot could did "
    "do does doing done don down during each ever every few had has have having here just like less let more "
    "most much must near never no nor not now only other own per please same shall should since some soon "
    "such than thank thanks then there through too under until very was were while will would yes yet hello "
    "hi hey dear sir madam good great best regards kind sincerely cheers morning afternoon evening night "
    "today tomorrow yesterday monday tuesday wednesday thursday friday saturday sunday january february march "
    "april may june july august september october november december spring summer autumn fall winter day week "
    "month year time date hour account address agent amount answer app apt area asap award balance bank "
    "billing bill black blue book box branch bridge brown building bus business call car card care case cash "
    "cell center centre chairman check chief church city class client clear club code college company "
    "computer concert contact corp corporation country county court credit crew customer dad data daughter "
    "debit deep delivery department desk director district doctor dollar double downtown drive driver east "
    "editor email energy entertainment error exchange fair father fee field file film final fire first fish "
    "floor food foot form fort forum free fresh full fund garden gate general gift girl god gold golden "
    "government gray green grey grill group guest guide guitar hall head health hear help high hill history "
    "holder hold home hotel house human id inc indian information inn insurance international internet "
    "invoice island issue item job journal justice key king kitchen label lake lane language large last late "
    "law lean leader left letter level library license life light line link list little live loan local lodge "
    "long lord lost lot love low ltd mail main major man manager manual market mart master math medical "
    "member menu message mile mill miles minister mobile model money moon mother mount mountain movie museum "
    "music name national net network new news next north note number office officer old one online open "
    "operator orange order organization page palace paper parent park part partner party passport password "
    "pay payment people person phone photo place plan plaza police pop port post power president press price "
    "private problem producer product program project public purple quality queen question rain range rate "
    "reader real record red release report republic rest restaurant result return right ring river road rock "
    "room royal sales sand school science sea season seat second secretary security senator senior sent "
    "service session seven shop short show side sign silver singer site small smart son song sorry south "
    "special square staff stage star state station stone stop store storm story street strong student studio "
    "suite sun super support sure swift system table take talk tax team tech text theater theatre three "
    "ticket title top total tour tower town trade train travel trust two uncle union united university unit "
    "user valley van version video village visa visit wall war watch water way web weekly welcome west white "
    "whole wild wife wind wine winner woman women wood word work world wrong young zip born chance chase chi "
    "conn del dev dom edit el else est eta ey ha han hope lady lex li lies lo made meta milton mine odd ok "
    "okay peer ray said sane sep server sol sole sys tan ties till tri var ver vi angel bail barber bath bell "
    "carry cross dash fields fibonacci font forget foster handler hare hood hook junk lang legendre links "
    "margin merchant newton parks parts pi pole powers prem put refs renders rich roots singleton stack sturm "
    "suits vals watt weeks rush bull herd tank cherry rice beer hunt killer creed jet tone comfort smooth doc "
    "art grace joy faith penny rose ruby dawn eve iris ivy violet daisy lily olive pearl amber crystal jade "
    "gene frank mark bob jack drew guy sue pat rob max sandy sunny rusty dusty merry gay earnest ernest dean "
    "duke earl baron prince bishop pope knight cook baker butcher smith carter mister miss mrs mr ms dr prof "
    "lawyer nurse captain sergeant colonel aunt grandma grandpa mom mum album band fan fans chapter figure "
    "example section windows linux google apple amazon microsoft facebook twitter youtube netflix spotify "
    "uber paypal mastercard amex san santa los las vs palo urgent american express discover iban usd eur gbp "
    "http https www com org gmail outlook hotmail yahoo".split()
)
"""Words that begin a sentence or a firm's or place's name; alone they are never taken for a name."""

PLACES = frozenset(
    "afghanistan africa alabama alaska albania algeria alps america amsterdam argentina arizona arkansas asia "
    "athens atlanta auckland austin australia austria bangkok barcelona beijing belgium berlin birmingham "
    "bolivia boston brazil brisbane britain brussels bucharest budapest bulgaria california cambodia "
    "cambridge canada carolina chelsea chicago chile china cleveland cologne colombia colorado connecticut "
    "copenhagen croatia cuba cyprus dakota dallas delaware delhi denmark denver detroit dubai dublin ecuador "
    "edinburgh egypt england estonia ethiopia europe finland florence florida france frankfurt geneva georgia "
    "germany glasgow greece hamburg hawaii helsinki hongkong houston hungary iceland idaho illinois india "
    "indiana indonesia iowa iran iraq ireland israel istanbul italy jamaica japan jersey jordan kansas kent "
    "kentucky kenya korea kuwait latvia lebanon lincoln lisbon lithuania liverpool london louisiana "
    "luxembourg madrid maine malaysia malta manchester manila maryland massachusetts melbourne mexico miami "
    "michigan milan minnesota mississippi missouri moldova montana montreal morocco moscow mumbai munich "
    "naples nebraska nepal netherlands nevada nigeria norway ohio oklahoma ontario oregon orlando oslo oxford "
    "pakistan panama paraguay paris pennsylvania peru philadelphia philippines phoenix poland portland "
    "portugal prague quebec reno rome romania russia sacramento scotland seattle senegal serbia shanghai "
    "singapore slovakia slovenia spain stockholm sweden switzerland sydney syria taiwan tennessee texas "
    "thailand tokyo toronto tunisia turkey uganda ukraine uruguay utah vancouver vegas venezuela venice "
    "vermont victoria vienna vietnam virginia wales warsaw washington wellington wisconsin wyoming york "
    "zealand zimbabwe zurich francisco angeles african american arab asian australian austrian belgian "
    "brazilian british bulgarian canadian chinese croatian cuban czech danish dutch english estonian european "
    "finnish french german greek hungarian icelandic indian indonesian iranian irish israeli italian japanese "
    "korean latin latvian lebanese lithuanian mexican moroccan norwegian persian polish portuguese romanian "
    "russian scottish serbian slovak slovenian spanish swedish swiss thai turkish ukrainian vietnamese welsh "
    "christian catholic jewish muslim".split()
)
"""Countries, states, cities, peoples: a name only beside a first name or after a cue."""

FIRM_WORDS = frozenset(
    "inc ltd llc corp co company corporation bank group university college school street st road rd avenue "
    "ave lane drive blvd boulevard hotel inn park house hall church bridge station airport museum theatre "
    "theater square island lake river mount mountain county city state weekly times award awards records "
    "institute foundation association capital partners insurance airlines restaurant cafe bar grill express "
    "pay card prize center centre plaza tower hospital clinic market markets festival league cup series show "
    "song album band orchestra choir radio tv news press books magazine journal daily post gmbh ag sa plc apt "
    "suite gate court terrace estate gardens heights hills valley beach bay way close crescent solutions "
    "systems software technologies labs media network".split()
)
"""What follows the name of a firm, a street or a work."""

SPEECH = frozenset(
    "said says say asked asks wrote writes told tells replied called calls lives lived works worked is was "
    "has had will would can could did does wants wanted needs thinks thought explained points pointed added "
    "adds noted notes recalled claimed picked shouted starring speaking here again and or who whose from".split()
)
"""What people do, right after the name."""

TITLES = "Mr Mrs Ms Miss Dr Mister Madam Prof Professor Sir Lady Lord Captain Judge Senator President Doctor".split()
"""What stands right before a name."""

PARTICLES = frozenset(
    "van von der den de del della di da dos das do la le el al bin binti ibn ter ten zu zur af av y".split()
)
"""Small words inside a last name."""

ENDINGS = (
    "sson sdóttir sdottir dóttir ović ević ić ich wicz ski ska sky skaya skii cki cka ová ova eva ov ev enko "
    "chuk yan ian idis poulos opoulos nen sen nsen ez ini elli etti ucci eau eaux oux mann berg stein feld "
    "feldt bauer meier meyer hauer ström strom qvist quist lund gren vich vna ulu oglu lar ishvili adze aitis "
    "auskas ienė escu eanu ný ský cký ák ík ö ő uk yk inen stad gaard svik dahl".split()
)
"""How last names end in many countries."""
