"""What companies send to many who asked for it: newsletters, news digests, offers, weather, job and event mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.sample import layout
from scorelane.sample.bodies import company, own_url
from scorelane.sample.delivery import Letter, Scene
from scorelane.sample.grammar import capitalised, say
from scorelane.sample.world import city

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scorelane.sample.world import Brand

_ACTOR = (
    "city council,regional court,health ministry,central bank,transport authority,teachers' union,chip maker,"
    "airline group,football club,film festival,research team,space agency,farmers,energy regulator,grid operator,"
    "coast guard,opposition party,prime minister,national museum,car maker,housing association,startup,dockworkers,"
    "statistics office,weather service,university,orchestra,climbers,cyclists,volunteers,data watchdog,rail operator"
).split(",")
_VERB = (
    "delays,approves,rejects,cuts,raises,suspends,reviews,unveils,postpones,defends,doubles,expands,questions,"
    "abandons,revives,publishes,wins,loses,signs,opens,closes,tests,investigates,welcomes,limits"
).split(",")
_MATTER = (
    "plan for new tram line,fuel subsidy,interest rate,coastal defence works,flu vaccine programme,stadium bid,"
    "privacy rules,school reform,wheat export deal,battery factory,pay talks,night train,water restrictions,"
    "moon mission,library hours,bridge repairs,tax relief,wind farm,heritage site,cancer study,season opener,"
    "search for missing hikers,airport extension,rent cap,bird census,trade agreement,5G auction,ferry service"
).split(",")
_TURN = (
    "after week of protests,amid rising costs,as winter nears,despite warnings,ahead of vote,following audit,"
    "in surprise move,over safety concerns,for third time,to ease shortage,as talks resume,after record heat,"
    "with broad support,before summer season,citing weak demand,under new rules"
).split(",")
_GOODS = (
    "rain jacket,desk lamp,espresso maker,trail shoes,linen shirt,wireless speaker,cast-iron pan,board game,"
    "reading chair,seed set,wool blanket,backpack,yoga mat,kids' bike,photo book,headphones,garden hose,tea set,"
    "running vest,bookshelf,travel pillow,toolbox,sunglasses,water bottle,winter boots,mixing bowl"
).split(",")
_TOPIC: Mapping[str, Sequence[str]] = {
    "technology": (
        "{why|how} {small teams|hospitals|schools|city planners} {move|are moving} {from spreadsheets|to open formats|"
        "off old databases|to shared calendars}",
        "{five|seven|ten} {habits|settings|shortcuts} that {save time|keep backups safe|make reviews shorter}",
        "release <n>.<n> {brings faster search|fixes the sync bug|adds dark mode|drops old browsers}",
        "{what we learned from|a post-mortem of} {<n> hours of downtime|a slow query|moving <n> services}",
    ),
    "cooking": (
        "{a|one} {weeknight|Sunday|summer} {stew|salad|bake|noodle soup} with {leeks|chickpeas|smoked fish|squash}",
        "{how to|when to} {sharpen a knife|freeze bread|salt aubergines|rest a roast}",
        "{reader question|ask us}: {why does my dough sink|which oil for frying|can I skip the eggs}",
        "{in season|at the market} now: {asparagus|plums|kale|mussels|rhubarb}",
    ),
    "gardening": (
        "{prune|water|feed|mulch} your {roses|tomatoes|hedges|apple trees} {this week|before frost|in the evening}",
        "{slugs|aphids|moss}: {what works|three things that do not work|a calm guide}",
        "{sow|plant out|harvest} {carrots|garlic|beans|sunflowers} {now|until the end of the month}",
    ),
    "money": (
        "markets: {shares|bonds|the euro|copper} {rose|fell|were flat} <n> {points|percent} {on|after|before} "
        "{inflation data|the jobs report|the rate decision}",
        "{what the|how the} new {pension|tax|savings} rules {mean for|change things for} {families|freelancers|tenants}",
        "{the week ahead|in the diary}: {results from two retailers|a budget speech|housing figures}",
    ),
    "culture": (
        "{review|first look}: {a quiet novel about|a film on|an exhibition of} {lighthouse keepers|paper|two sisters|"
        "a border town}",
        "{tickets for|the programme of} the {spring season|jazz weekend|book fair} {are out|go on sale <day>}",
        "{an hour with|a conversation with} {the new conductor|a potter|a translator|the stage crew}",
    ),
    "sport": (
        "{late goal|two errors|a calm finish} {decides|ends} the {derby|final|qualifier} in <city>",
        "{training|race} tips: {your first ten kilometres|how to pace a hill|resting without guilt}",
        "{transfer|squad} news: {keeper extends contract|captain out for <n> weeks|academy player called up}",
    ),
}
_DETAIL = (
    "{Officials|Experts|Organisers|Residents} {said|told reporters|expect} {the decision|the change|the work} "
    "{would take <n> months|could cost <n> million|affects about <n>,000 people|will be reviewed in spring}.",
    "{Read|Here is} {the full story|what we know so far|the background|our guide}.",
    "{The figures|New figures|A report} {show|suggest} {a rise of <n> percent|little change|the lowest level in <n> years}.",
    "{It takes|Count on} {<n> minutes|one evening|a bit of patience} and {no special tools|a good pan|a friend's help}.",
    "{We tried it in <city>|Our readers in <city> wrote in|A small trial in <city> worked}, {and it held up|with mixed results}.",
)


def _slots(scene: Scene) -> dict[str, str | Sequence[str] | Callable[[], str]]:
    rng = scene.rng
    return {
        "n": lambda: str(rng.randint(2, 40)),
        "city": lambda: city(rng),
        "day": "Monday Tuesday Wednesday Thursday Friday".split(),
        "actor": _ACTOR, "verb": _VERB, "matter": _MATTER, "turn": _TURN, "goods": _GOODS,
        "first": scene.to.first,
        "month": "January February March April May June July August September October".split(),
    }  # fmt: skip


def headline(scene: Scene) -> str:
    """A news headline."""
    text = say(scene.rng, "{<actor>|<city> <actor>|<actor>} <verb> <matter>{| <turn>}", _slots(scene))
    return text[0].upper() + text[1:]


def detail(scene: Scene) -> str:
    """A sentence or two of news or advice."""
    return say(scene.rng, scene.rng.choice(_DETAIL), _slots(scene))


def mass(scene: Scene, brand: Brand, subject: str, blocks: list[layout.Block], local: Sequence[str]) -> Letter:
    """A mass mail of these blocks, from one of these local parts."""
    home = brand.writes_at
    sender = f"{scene.rng.choice(list(local))}@{scene.rng.choice((home, f'email.{home}', home))}"
    body = company(scene, brand, subject, blocks)
    return Letter((brand.name, sender), subject, body, "bulk", brand.mailer, signed_by=home, unsubscribe=True)


def news_digest(scene: Scene) -> Letter:
    """Headlines of the day or one breaking story."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["news"])
    stories = [headline(scene) for _ in range(rng.randint(3, 14))]
    blocks = [layout.head(rng.choice((f"{brand.name} — {scene.when:%A, %d %B %Y}", "Top stories", "Morning briefing")))]
    for story in stories:
        blocks.append(layout.Block("para", story, own_url(scene, brand, "article")))
        if rng.random() < 0.6:
            blocks.append(layout.para(detail(scene)))
    subject = rng.choice((stories[0], f"{brand.name} alert: {stories[0]}", f"Your {scene.when:%A} briefing",
                          f"Breaking news: {stories[0]}", f"{brand.name} daily headlines {scene.when:%d %b}"))  # fmt: skip
    return mass(scene, brand, subject, blocks, ("alerts", "newsletter", "editors", "briefing"))


def newsletter(scene: Scene) -> Letter:
    """A letter on one field, in sections."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("news", "club", "cloud", "shop", "firm"))])
    topic = rng.choice(list(_TOPIC))
    titles = [capitalised(say(rng, line, _slots(scene))) for line in rng.sample(list(_TOPIC[topic]), 3)]
    blocks = [layout.head(f"{brand.name}: {topic}, issue {rng.randint(3, 400)}")]
    if rng.random() < 0.6:
        blocks.append(layout.para(say(rng, "{Hello|Hi|Dear} {<first>|reader|friends},", _slots(scene))))
    for title in titles:
        blocks += [layout.head(title), layout.para(" ".join(detail(scene) for _ in range(rng.randint(1, 4))))]
        if rng.random() < 0.8:
            label = rng.choice(("Read more", "Continue reading", "Read on the site", "More"))
            blocks.append(layout.Block("para", label, own_url(scene, brand)))
    subject = rng.choice((titles[0], f"{brand.name} newsletter: {titles[1]}", f"[{topic}] {titles[0]}"))
    return mass(scene, brand, subject, blocks, ("news", "hello", "newsletter", "team"))


def weather(scene: Scene) -> Letter:
    """A weather warning or forecast."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["news"] + scene.world.brands["utility"])
    place = city(rng)
    event = rng.choice(("Wind Advisory", "Flood Watch", "Heat Advisory", "Winter Storm Warning", "Dense Fog Advisory",
                        "Severe Thunderstorm Watch", "Frost Advisory", "Daily forecast", "Air Quality Alert"))  # fmt: skip
    details = say(
        rng,
        "{THE WEATHER SERVICE IN <place> HAS ISSUED|The weather service for <place> has issued} {A|a} <event> "
        "{IN EFFECT|in effect} {from <n> AM to <m> PM|until <m> PM this evening|through <day> morning}. {Winds|Gusts} "
        "{of|up to} <n> to <k> mph, {locally higher|highest along the coast|easing later}. {Rain|Snow|Hail|Showers} "
        "{totals of|up to} <m> {mm|inches} {possible|expected|in the hills}.",
        {**_slots(scene), "place": place, "event": event, "m": str(rng.randint(2, 11)), "k": str(rng.randint(40, 70))},
    )
    action = say(rng, "{Secure loose objects|Drive slowly|Drink plenty of water|Avoid low crossings|Check on neighbours}"
                      "{ and follow local advice.|. Travel could be difficult.|. The next update follows at <n>:00.}", _slots(scene))  # fmt: skip
    table = [(day, f"{rng.randint(-6, 36)}°", rng.choice(("sun", "showers", "cloud", "snow", "fog")))
             for day in ("Mon", "Tue", "Wed", "Thu", "Fri")]  # fmt: skip
    blocks = [layout.head(f"{event} for {place}"), layout.para(details), layout.para(action), layout.rows(table),
              layout.Block("para", "Radar and hourly forecast", own_url(scene, brand, "weather"))]  # fmt: skip
    subject = rng.choice((f"{event} for {place}", f"Weather alert: {event} - {place}", f"{place}: {event.lower()}"))
    return mass(scene, brand, subject, blocks, ("weather", "alerts", "noreply"))


def promotion(scene: Scene) -> Letter:
    """A retailer's offer to its customers."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("shop", "shop", "travel", "utility"))])
    offer = say(
        rng,
        "{<n>% off|Up to <n>% off|Free delivery on|New in:|Back in stock:|Last chance:|Members first:|Save $<n> on} "
        "{everything|<goods>s|our <month> collection|selected <goods>s|the <goods> you liked}",
        _slots(scene),
    )
    blocks = [layout.head(offer)]
    blocks.append(layout.para(say(rng, "{Hi <first>,|Hello,|Dear <first>,|} {our <month> {sale|edit|event} is here|it is time "
        "for something new|we picked a few things for you|spring has arrived at {our shops|the store}}. {Order|Shop} by "
        "<day> {and get it for the weekend|while stocks last|online or in <city>}.", _slots(scene))))  # fmt: skip
    goods = [(say(rng, "<goods>", _slots(scene)).capitalize(), f"${rng.randint(9, 190)}.{rng.choice(('00', '50', '99'))}")
             for _ in range(rng.randint(2, 6))]  # fmt: skip
    for name, price in goods:
        blocks.append(layout.Block("image", name, f"https://img.{brand.domain}/{scene.token(48)}.jpg"))
        blocks.append(layout.Block("para", f"{name} {price}", own_url(scene, brand, "p")))
    blocks.append(
        layout.button(
            rng.choice(("Shop now", "See the collection", "Discover more", "View offers")), own_url(scene, brand)
        )
    )
    terms = (
        "Offer ends {Sunday|at midnight on <day>}. {Exclusions apply|Not valid with other codes|One use per customer}."
    )
    blocks.append(layout.Block("small", say(rng, terms, _slots(scene))))
    return mass(scene, brand, rng.choice((offer, f"{scene.to.first}, {offer[0].lower()}{offer[1:]}", f"🌿 {offer}")), blocks,
                 ("offers", "hello", "shop", "news", "deals"))  # fmt: skip


def jobs(scene: Scene) -> Letter:
    """Job openings that match a saved search."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["social"])
    role = rng.choice(("Data analyst", "Nurse", "Electrician", "Product designer", "Warehouse lead", "Teacher", "Chef"))
    found = [(f"{rng.choice(('Senior', 'Junior', 'Lead', 'Part-time'))} {role.lower()}",
              rng.choice(scene.world.brands["firm"]).name, city(rng)) for _ in range(rng.randint(3, 9))]  # fmt: skip
    blocks = [layout.head(f"{len(found)} new jobs for “{role}”"), layout.rows(found),
              layout.button("See all jobs", own_url(scene, brand, "jobs")),
              layout.Block("para", "Edit this alert", own_url(scene, brand, "alerts"))]  # fmt: skip
    return mass(
        scene, brand, f"{len(found)} new {role.lower()} jobs in {found[0][2]}", blocks, ("jobalerts", "noreply")
    )


def event(scene: Scene) -> Letter:
    """A club, school or charity writes to its members."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["club"])
    what = say(rng, "{open day|annual meeting|spring concert|volunteer evening|reading night|charity run|<matter> talk|"
                    "parents' evening|book sale|members' lunch}", _slots(scene))  # fmt: skip
    text = say(rng, "{Dear {member|friend|parents}|Dear <first>|Hello everybody}, {we warmly invite you to|please join us for|"
        "a reminder of} our <what> on <day> <n> <month> in <city>. {Doors open at <h>:30|Entry is free|Please register by "
        "<day>|Children are welcome|Bring a friend}. {Thanks to {your support|<n> volunteers}, {we raised <n>,000 last "
        "year|the new hall is ready}.|}", {**_slots(scene), "what": what, "h": str(rng.randint(9, 19))})  # fmt: skip
    blocks = [layout.head(f"{what.capitalize()} — {brand.name}"), layout.para(text),
              layout.items([detail(scene) for _ in range(rng.randint(1, 4))]),
              layout.button(rng.choice(("Register", "Reserve a seat", "RSVP", "Programme")), own_url(scene, brand, "events"))]  # fmt: skip
    return mass(scene, brand, rng.choice((f"Invitation: {what}", f"{what.capitalize()} on {scene.when:%d %B}", f"{brand.name}: {what}")),
                 blocks, ("office", "info", "members"))  # fmt: skip


def survey(scene: Scene) -> Letter:
    """A question to a customer after a purchase or a stay."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("travel", "shop", "cloud", "bank"))])
    text = say(rng, "{Hi|Dear|Hello} <first>, {thank you for {choosing|staying with|shopping at} <brand>|you recently {contacted "
        "our support|visited us in <city>}}. {How did we do?|Would you recommend us?|Tell us what to improve.} {It takes <n> "
        "minutes|Just <n> questions|Your answers are anonymous}.", {**_slots(scene), "brand": brand.name})  # fmt: skip
    blocks = [
        layout.head("How was it?"),
        layout.para(text),
        layout.button("Give feedback", own_url(scene, brand, "survey")),
    ]
    subject = rng.choice(
        (f"How was your visit to {brand.name}?", f"{scene.to.first}, how did we do?", "Rate your recent order")
    )
    return mass(scene, brand, subject, blocks, ("feedback", "survey", "noreply"))
