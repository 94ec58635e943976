"""What comes again and again because somebody asked for it: portals' digests, filings, forecasts, feeds, text issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.sample import layout, mime
from scorelane.sample.bodies import company, own_url
from scorelane.sample.delivery import Letter, Scene
from scorelane.sample.grammar import capitalised, say
from scorelane.sample.kinds.bulk import detail, headline, mass
from scorelane.sample.world import city

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scorelane.sample.layout import Block
    from scorelane.sample.world import Brand

_SECTIONS = (
    "U.S.,World,Politics,Business,Technology,Science,Health,Entertainment,Sports,Travel,Opinion,Video,Markets,Weather,"
    "Arts,Education,Local,Books,Food,Style,Obituaries,Podcasts,Blogs,Photos"
).split(",")
_FORMS = ("8-K", "10-Q", "10-K", "Form 4", "S-8", "DEF 14A", "6-K", "424B2", "annual report", "interim report")
_SKIES = "sunny,mostly sunny,partly cloudy,cloudy,showers,rain,thunderstorms,light snow,flurries,fog,windy,hazy".split(
    ","
)
_MOVES = "rose,fell,slipped,gained,added,lost,climbed,dropped,eased,edged up,edged down,was unchanged at".split(",")
_WORDS = (
    "blimp,quixotic,ersatz,palaver,gossamer,doldrums,hoi polloi,juggernaut,kibitz,laconic,mellifluous,nadir,obdurate,"
    "peregrine,quotidian,raconteur,sobriquet,truculent,ubiquity,vestige,wanderlust,zeitgeist"
).split(",")
_FIELDS = (
    "gardening,networking,databases,storage,photography,astronomy,chess,genealogy,woodworking,cycling,history,radio,"
    "accounting,nursing,teaching,birding,knitting,sailing,law,marketing,security,open source,mobile,gaming"
).split(",")
_ADVICE = (
    "{Check|Clean|Label|Replace|Test|Back up} your {filters|cables|notes|tools|settings|archives} {every|once a} {spring|month|quarter}.",
    "{Before you buy|When choosing} a new {lens|router|saw|printer|bike}, {ask for|compare|write down} the {warranty|weight|noise|running cost}.",
    "{A reader from <city>|One of our members|<first>} {asks|writes|wonders}: {is it worth|how do I|should we} {upgrading now|start with a small kit|join the beta}?",
    "{Free|New|Updated} {utility|template|map|chart|guide} {of the week|we like}: {it|this one} {converts|sorts|prints|draws} {your lists|old files|labels} in {one step|seconds}.",
    "{Did you know|Trivia}: the first {telegraph|bicycle race|public library|postcard} in <city> {opened|was held|appeared} in 18<k>.",
    "{Our sponsor this week|This issue is brought to you by|ADVERTISEMENT}: {a conference on <field> in <city>|hosting from $<n> a month|<n>% off books on <field>|a free trial for teams}.",
)  # fmt: skip


def _slots(scene: Scene) -> dict[str, str | Sequence[str] | Callable[[], str]]:
    rng = scene.rng
    return {
        "n": lambda: str(rng.randint(2, 60)),
        "k": lambda: str(rng.randint(10, 99)),
        "city": lambda: city(rng),
        "first": scene.to.first,
        "field": _FIELDS,
        "sky": _SKIES,
        "move": _MOVES,
        "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    }


def portal(scene: Scene) -> Letter:
    """A news portal's daily mail: its menu, sections, many headlines with a line each."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["news"])
    menu = " | ".join(["Home", *rng.sample(_SECTIONS, rng.randint(4, 9))])
    blocks: list[Block] = [layout.Block("small", menu, own_url(scene, brand, "home"))]
    if rng.random() < 0.5:
        blocks.append(layout.Block("small", "Change my e-mail options", own_url(scene, brand, "options")))
    first = ""
    for section in rng.sample(_SECTIONS, rng.randint(2, 6)):
        blocks.append(layout.head(section.upper() if rng.random() < 0.5 else section))
        for _ in range(rng.randint(1, 6)):
            story = headline(scene)
            first = first or story
            blocks.append(layout.Block("para", story, own_url(scene, brand, "stories")))
            if rng.random() < 0.7:
                blocks.append(layout.para(detail(scene)))
        if rng.random() < 0.3:
            blocks.append(layout.Block("image", "Advertisement", f"http://ads.{brand.sister}/{scene.token(32)}.gif"))
    subject = rng.choice((first, f"{scene.when:%B %d, %Y}", f"{brand.name} e-mail alert: {first}", first.upper(),
                          f"THE INSIDE VIEW: {first}", f"{brand.name} Alerts: {rng.choice(_SECTIONS).lower()}"))  # fmt: skip
    return mass(scene, brand, subject, blocks, ("mail", "dailynews", "enews", "alerts"))


def filing(scene: Scene) -> Letter:
    """A company that somebody follows published something."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("bank", "firm", "utility"))])
    followed = rng.choice(scene.world.brands[rng.choice(("firm", "utility", "travel"))]).name
    form = rng.choice(_FORMS)
    text = say(rng, "{<co> has filed the following document(s) with the {Securities and Exchange Commission|regulator|exchange}|"
        "<co> {published|issued} {a press release|a statement|its results}|A new event was added to the calendar of <co>}: "
        "{<form>|<form> for the period|results for the {first|second|third} quarter}. {Shares <move> <n> percent.|The conference call "
        "starts at <n>:00.|To view the document, follow the link below.|This alert was requested on the investor relations page.}",
        {**_slots(scene), "co": followed, "form": form})  # fmt: skip
    blocks = [layout.head(rng.choice((f"{form} alert", f"{followed}: investor alert", "Document alert"))), layout.para(text),
              layout.Block("para", rng.choice(("View the document", "Read the release", "Open the filing")), own_url(scene, brand, "filings")),
              layout.rows([("Date", f"{scene.when:%Y-%m-%d}"), ("Form", form), ("Company", followed)])]  # fmt: skip
    subject = rng.choice((f"New {form} for {followed}", f"{followed} press release", f"New document(s) for {followed}",
                          f"{followed}: {form}", f"Event reminder: {followed}"))  # fmt: skip
    return mass(scene, brand, subject, blocks, ("alerts", "ir", "investor", "notices"))


def forecast(scene: Scene) -> Letter:
    """The days ahead at one place."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["news"] + scene.world.brands["travel"])
    place, unit = city(rng), rng.choice(("°", "°F", " C", " degrees"))
    days = [(f"{name}", rng.choice(_SKIES), f"high {rng.randint(5, 35)}{unit}", f"low {rng.randint(-9, 15)}{unit}")
            for name in ("Today", "Tonight", "Tomorrow", "Thursday", "Friday", "Weekend")[: rng.randint(3, 6)]]  # fmt: skip
    text = say(rng, "{Currently|At <n>:00|This morning} in <place>: <sky>, {wind|winds} {north|west|southeast} <n> {mph|km/h}, {humidity <k> "
        "percent|pressure 10<k> {mb|hPa}|visibility <n> km}. {UV index|Pollen|Air quality}: {low|moderate|high}. {Sunrise <n>:<k>.|}",
        {**_slots(scene), "place": place})  # fmt: skip
    links = ("Radar", "Hour by hour", "14 day trend", "Weather maps", "Ski report", "Road conditions", "Change profile")
    blocks = [
        layout.head(f"{rng.choice(('Forecast', 'Your local weather', 'Outlook'))}: {place}"),
        layout.rows(days),
        layout.para(text),
    ]
    blocks += [layout.Block("para", name, own_url(scene, brand, "wx")) for name in rng.sample(links, rng.randint(1, 5))]
    subject = rng.choice(
        (
            f"Today's forecast for {place}",
            f"{place} weather, {scene.when:%A}",
            "Alert forecast",
            f"Your {place} outlook",
        )
    )
    return mass(scene, brand, subject, blocks, ("forecast", "direct", "weather"))


def text_issue(scene: Scene) -> Letter:
    """A letter in plain text with rules, contents, a sponsor, and links to many other sites."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("club", "news", "cloud", "firm"))])
    field, number = rng.choice(_FIELDS), rng.randint(2, 900)
    others = [one for trade in ("shop", "cloud", "news", "club") for one in scene.world.brands[trade]]
    rule = rng.choice(("-" * 64, "=" * 60, "~" * 55, "* " * 30, "_" * 70, "=-" * 33, "-----"))
    titles = [headline(scene) if rng.random() < 0.5 else capitalised(say(rng, rng.choice(_ADVICE), _slots(scene)))[:60]
              for _ in range(rng.randint(2, 7))]  # fmt: skip
    lines = [rule, f"{brand.name} {rng.choice(('Update', 'Tips', 'Weekly', 'Digest', 'Notes'))} on {field}".upper(),
             f"Issue {number} - {scene.when:%d %B %Y}", rule, "", "IN THIS ISSUE:", *(f"{at:02}. {title}" for at, title in enumerate(titles, 1)), ""]  # fmt: skip
    for at, title in enumerate(titles, 1):
        lines += [rule, f"{at}. {title}", rule]
        lines.append(
            " ".join(capitalised(say(rng, rng.choice(_ADVICE), _slots(scene))) for _ in range(rng.randint(1, 4)))
        )
        if rng.random() < 0.6:
            lines.append(
                f"http://www.{rng.choice(others).domain}/{rng.choice(('', 'news/', 'archive/', 'p/'))}{scene.token(16)}.html"
            )
        lines.append("")
    lines += [rule, f"To subscribe, unsubscribe or change your address: {own_url(scene, brand, 'list')}",
              f"Copyright 2026 {brand.name}. Forward this issue to a friend.", rule]  # fmt: skip
    width = rng.choice((60, 66, 72))
    body = mime.text(rng, "\n".join(layout.wrap(line, width) if len(line) > width else line for line in lines) + "\n")
    subject = rng.choice(
        (
            f"{brand.name} #{number}: {titles[0]}",
            f"{field.title()} tips, issue {number}",
            titles[0],
            f"[{brand.name}] {titles[-1]}",
        )
    )
    letter = mass(scene, brand, subject, [], ("editor", "list", "tips", "news"))
    letter.body = body
    letter.unsubscribe = rng.random() < 0.5
    return letter


def feed_item(scene: Scene) -> Letter:
    """One entry of a feed or a search that a program turned into mail."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("news", "cloud", "club"))])
    title = headline(scene)
    where = f"http://www.{brand.domain}/{scene.when:%Y/%m/%d}/{scene.token(24)}.html"
    text = " ".join(detail(scene) for _ in range(rng.randint(0, 3)))
    lines = [f"URL: {where}", f"Date: {scene.when.isoformat()}", "", text or title]
    if rng.random() < 0.4:
        lines = [title, "", text, "", f"{rng.choice(('Read the whole entry', 'Link', 'Source', 'Permalink'))}: {where}"]
    service = rng.choice(scene.world.brands["cloud"])
    sender = (brand.name, f"{rng.choice(('feeds', 'rss', 'alerts'))}@{rng.choice((service.domain, scene.world.home))}")
    letter = Letter(sender, rng.choice((title, f"{brand.name}: {title}", f"Alert - {rng.choice(_FIELDS)}")),
                    mime.text(rng, "\n".join(lines) + "\n"), "script")  # fmt: skip
    letter.unsubscribe = rng.random() < 0.3
    return letter


def confirmation(scene: Scene) -> Letter:
    """Somebody signed up, changed or closed something, and must say that it was them."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("social", "club", "cloud", "news"))])
    subject, text, label = rng.choice((
        ("Please confirm your subscription to {<brand>|<field> Weekly}", "{Hello|Dear subscriber|Hi <first>}, {we received|thank you for} a request to subscribe "
         "{your address|<mail>} to {our list on <field>|<brand>}. {To activate it, follow this link|Reply to this message to confirm}. {If you did not ask for it, ignore this mail|Otherwise do nothing}.", "Confirm"),
        ("{Account closing request|Your account will be closed} - please confirm", "Hi <first>, we have received your request to {close|cancel} your <brand> account. {To complete it|If you "
         "are sure}, follow the link below. {Your profile and photos will be removed|You can come back within <n> days}.", "Close my account"),
        ("Welcome to <brand>", "{Welcome|Thanks for joining}, <first>! Your user name is {<first><n>|<mail>}. {Visit the help pages|Set your profile|Say hello in the forum} {to get started|when you have time}.", "Get started"),
        ("{Order|Product} confirmation", "Thank you for {requesting|ordering} {a certificate|a sample copy|the course} from <brand>. {This is your confirmation|Keep this mail}. Order number <n><k><n>. {No reply is needed|Questions? Write to us}.", "Your order"),
        ("Your trial {ends in <n> days|is almost over}", "Only <n> days left, <first>. {Your lists and reports stay|Nothing is lost}. {Choose a plan|Add a card} {when you are ready|to go on}, {or let it lapse|plans start at $<n>}.", "See plans"),
    ))  # fmt: skip
    slots = {**_slots(scene), "brand": brand.name, "mail": scene.to.address}
    said = say(rng, text, slots)
    blocks = [
        layout.para(said),
        layout.button(label, own_url(scene, brand, "confirm")),
        layout.para(f"The {brand.name} team"),
    ]
    letter = mass(scene, brand, say(rng, subject, slots), blocks, ("lists", "noreply", "members", "support"))
    if rng.random() < 0.4:
        letter.body = mime.text(rng, layout.plain(blocks))
    letter.unsubscribe = False
    return letter


def contest(scene: Scene) -> Letter:
    """A match, a webinar, a call for papers: a date, prizes or a programme, and where to register."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("club", "cloud", "social", "firm"))])
    what = say(rng, "{Single Round Match <k>|open tournament|photo contest|webinar on <field>|<field> conference|call for papers|"
                    "charity auction|user group meeting|beta test|online quiz <k>}", _slots(scene))  # fmt: skip
    text = say(rng, "{Hello|Hi|Dear} <first>, {<what> is scheduled for|join us for <what> on|registration is open for <what> on} <day> at <n>:00. "
        "{The first <n> places win $<n>0 each|Prizes of $<n>,000 in all are sponsored by <co>|Speakers come from <city> and <city>|Entry is free}. "
        "{Register early, places go fast|Results appear the same night|Slides will be online|Bring your own laptop}.",
        {**_slots(scene), "what": what, "co": rng.choice(scene.world.brands["firm"]).name})  # fmt: skip
    blocks = [layout.head(what), layout.para(text), layout.items([detail(scene) for _ in range(rng.randint(1, 5))]),
              layout.Block("para", "Register", own_url(scene, brand, "register"))]  # fmt: skip
    return mass(scene, brand, rng.choice((what, f"{brand.name}: {what} on {scene.when:%A}", f"{what} - ${rng.randint(1, 9)},000 in prizes")),
                 blocks, ("events", "info", "service"))  # fmt: skip


def daily(scene: Scene) -> Letter:
    """A word, a recipe, a comic or a closing report a day."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("news", "club", "social"))])
    word = rng.choice(_WORDS)
    subject, text = rng.choice((
        ("{Word|Slang} of the day: <word>", "<word>: {noun|adjective|verb}. “{Look at that <word>|It was pure <word>|She had a sense of <word>}.” {From|Origin:} {Latin|Dutch|old sailors' talk|the 1920s}."),
        ("Your daily comic {for <day>|}", "{Hi <first>, enjoy|Here is} today's strip. {New books are out|Calendars are in the shop|See the archive}."),
        ("{Closing|Midday} report, <day>", "{Stocks <move>|The index <move> <n> points|Oil <move> $<n>.<k> a barrel}. {Gold <move>|Bonds <move>} {in thin trading|after the auction}. {Tomorrow: housing figures|Earnings due: two retailers}."),
        ("This day in history", "{In 18<k>|In 19<k>}, {a bridge opened in <city>|the first tram ran in <city>|<city> held its fair}. {Born today: a painter|Also today: a famous match}."),
        ("{Thought|Quote} for <day>", "“{Begin anywhere|The obstacle is the way|Small steps count}.” {Share it with a friend|Discuss it in the forum}."),
    ))  # fmt: skip
    slots = {**_slots(scene), "word": word}
    blocks = [layout.para(capitalised(say(rng, text, slots))), layout.para(detail(scene)),
              layout.Block("image", "today", f"http://img.{brand.sister}/{scene.token(40)}.gif"),
              layout.Block("para", rng.choice(("Archive", "Discuss", "Yesterday's", "Shop")), own_url(scene, brand, "daily"))]  # fmt: skip
    return mass(scene, brand, say(rng, subject, slots), blocks, ("daily", "subscriptions", "oftheday"))


def forum(scene: Scene) -> Letter:
    """A new answer in a thread that somebody watches."""
    rng = scene.rng
    brand: Brand = rng.choice(scene.world.brands["social"] + scene.world.brands["club"])
    topic = capitalised(say(rng, rng.choice(_ADVICE), _slots(scene)))[:70]
    writer = rng.choice(scene.world.friends)
    blocks = [layout.para(say(rng, "{Dear|Hi|Hello} <first>, {<who> has just replied to|there is a new post in} {a thread you have subscribed to|the "
        "topic you watch}: “<topic>”.", {**_slots(scene), "who": writer.first, "topic": topic})),
        layout.para(capitalised(say(rng, rng.choice(_ADVICE), _slots(scene)))), layout.Block("para", "View the thread", own_url(scene, brand, "t")),
        layout.Block("small", "Stop watching this topic", own_url(scene, brand, "unwatch"))]  # fmt: skip
    body = mime.text(rng, layout.plain(blocks)) if rng.random() < 0.5 else company(scene, brand, topic, blocks)
    letter = mass(
        scene,
        brand,
        rng.choice((f"Reply to thread '{topic}'", f"[{brand.name}] {topic}", f"Re: {topic}")),
        [],
        ("forum", "noreply"),
    )
    letter.body = body
    return letter
