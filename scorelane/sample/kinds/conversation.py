"""What people write to each other: private mail, work threads with quotes, invitations, forwards."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from scorelane.sample import mime
from scorelane.sample.bodies import pdf, personal, png
from scorelane.sample.delivery import Letter, Scene, deliver, message_id
from scorelane.sample.grammar import capitalised, say, some
from scorelane.sample.world import Person, city

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SLOTS: Mapping[str, Sequence[str]] = {
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday tomorrow".split(),
    "thing": (
        "budget", "draft agenda", "site survey", "onboarding checklist", "Q3 forecast", "test plan", "floor plan",
        "vendor shortlist", "release notes", "training schedule", "press text", "supplier contract", "roadmap",
        "inventory count", "customer survey", "meeting notes", "design review", "travel policy", "bug list",
        "brochure", "audit questions", "migration plan", "opening hours", "parking permits", "price list",
    ),
    "part": (
        "section two", "the second table", "page 4", "the appendix", "the summary", "the dates", "the totals",
        "the wording", "the cover page", "the last paragraph", "the assumptions", "the risk list",
    ),
    "dish": "lasagne,fish soup,plum cake,dumplings,lentil curry,focaccia,apple pie,paella,pancakes".split(","),
    "sport": "cycling,rowing,climbing,swimming,badminton,hiking,running,table tennis,sailing".split(","),
    "thingy": (
        "the old bicycle", "my tent", "the camera", "your drill", "that book", "the spare key", "the projector",
        "the piano", "your umbrella", "the puzzle", "the kayak", "the waffle iron",
    ),
    "kin": "my sister,my brother,the kids,my parents,our neighbours,my aunt,grandpa,the twins".split(","),
    "n": [str(n) for n in range(2, 30)],
}  # fmt: skip

PRIVATE = (
    "{we|<kin> and I} {spent|had} {a lovely|a rainy|a quiet|a busy} weekend in <city> and {ate far too much "
    "<dish>|went <sport> twice|slept a lot|hardly saw the sun}.",
    "{do you still have|can I borrow|I finally found|could you bring} <thingy>{?| by <day>?| for a few days?}",
    "{are you free|do you have time|shall we meet} on <day> {evening|afternoon|morning} for {coffee|a walk|<sport>|"
    "dinner|a film}?",
    "{I tried|we made|<kin> cooked} <dish> {from your recipe|yesterday|for the first time} and it {was great|fell "
    "apart|needs more salt|disappeared in minutes}.",
    "{the photos|a few pictures} from {the trip|the party|<city>} are {attached|still on my camera|coming soon}.",
    "{<kin> says|<kin> say} hello and {asks|wants to know} {when you will visit|how the new job is|about the "
    "garden|if the cat is well}.",
    "{the train|the bus|my flight} {was <n> minutes late|got cancelled|was full} so I {read|slept|walked home} "
    "{instead|and gave up|and missed the start}.",
    "{I started|I am thinking of starting|<kin> talked me into} <sport> {again|this spring|on <day>s}; "
    "{my knees complain|it is good fun|want to join}{.|?}",
    "{the garden|the kitchen|the roof|the cellar} is {nearly done|a disaster|finally dry|taking for ever}, "
    "{the plumber comes on <day>|we paint next week|please bring gloves}.",
    "{happy birthday|congratulations|get well soon}! {hope you have a wonderful day|we are thinking of you|we "
    "should celebrate when you are back in <city>}.",
    "{did you see|have you heard} {the match|the concert|the news about the school|the exhibition} {on <day>|in "
    "<city>}? {I could not believe it|it was wonderful|what a mess}.",
    "{thanks again for|I loved} {dinner|the flowers|the book|the ride|<thingy>}{, it meant a lot|, you saved me|}.",
)  # fmt: skip
WORK = (
    "{I have updated|I went through|attached is|I have put together} <the> <thing> {with the changes from <day>|as "
    "discussed|after the call|for your review}.",
    "{could you|can you|would you} {check|look at|comment on|confirm} <part> {before <day>|when you have a moment|"
    "by the end of the week}?",
    "{the team in <city>|the customer|facilities|<colleague>} {asked for|is waiting for|has approved|had questions on} "
    "<the> <thing>{.| and wants an answer by <day>.}",
    "{I moved|let us move|we have to move} the {review|workshop|call|site visit} to <day> {at <n>:00|after lunch|"
    "because the room is taken|so that <colleague> can join}.",
    "{two|three|a few|<n>} {items|questions|points} are {still open|unclear|missing}: {<part>, and who signs|the "
    "budget line and <part>|how we test it|when it ships}.",
    "{no objections from my side|looks good to me|I disagree with <part>|I would drop <part>}, {but|although|and} "
    "{<colleague> should see it first|we need numbers|the deadline is tight}.",
    "{the numbers|the figures|the estimates} in <part> {do not add up|changed since <day>|come from last year's "
    "<thing>|are rounded}.",
    "{next steps|to do|actions}: {I send the <thing> on <day>|<colleague> books the room|you talk to the supplier}, "
    "{then we review|and we meet on <day>|and legal reads it}.",
    "{sorry for the late answer|thanks for the quick turnaround|good point|fair enough}, {I was travelling|I missed "
    "your mail|I will change it|let us keep it simple}.",
    "{the build|the server|the printer|the delivery} {failed|was slow|is fine again|arrived} on <day>; {we are "
    "looking into it|no action needed|I opened a ticket|it took <n> minutes}.",
    "{I am out|I am on leave|I will be in <city>} {from|on} <day>, {<colleague> covers for me|back next week|please "
    "call if it is urgent}.",
)  # fmt: skip
_SUBJECTS = (
    "{<thing>|<thing> {v|draft }<n>|Question about <the> <thing>|Comments on <the> <thing>|<day>: <thing>|"
    "{Moving|Agenda for} the {call|workshop|review} on <day>|<city> visit|Follow-up on <the> <thing>}"
)
_PRIVATE_SUBJECTS = (
    "{<day>?|Weekend in <city>|{Photos|Pictures} from <city>|<thingy>|<dish>|hello from <city>|{Coffee|Dinner|"
    "<sport>} on <day>|Thank you!|News|long time no see|Happy birthday!|Re: plans for <day>}"
)


def _slots(scene: Scene) -> dict[str, str | Sequence[str] | Callable[[], str]]:
    rng = scene.rng
    return {
        **_SLOTS,
        "city": lambda: city(rng),
        "colleague": lambda: rng.choice(scene.world.staff).first,
        "the": ("the", "the", "your", "our"),
    }


def _talk(scene: Scene, pool: Sequence[str], low: int, high: int) -> list[str]:
    """Paragraphs of one to three sentences."""
    rng = scene.rng
    sentences = [capitalised(say(rng, sentence, _slots(scene))) for sentence in some(rng, pool, low, high)]
    paragraphs = []
    while sentences:
        size = rng.randint(1, 3)
        paragraphs.append(" ".join(sentences[:size]))
        sentences = sentences[size:]
    return paragraphs


def _signature(scene: Scene, person: Person) -> str:
    rng = scene.rng
    company = person.address.partition("@")[2].partition(".")[0].replace("-", " ").title()
    role = rng.choice(("Operations", "Purchasing", "Engineering", "Sales", "Finance", "Projects", "Quality"))
    phone = f"+1 555 01{rng.randint(10, 99)}"
    forms = (
        f"-- \n{person.name}\n{role}, {company}\n{phone}",
        f"{person.name} | {role} | {company}",
        f"--\n{person.name}\n{company}\nhttps://www.{person.address.partition('@')[2]}/",
        person.first,
    )
    return rng.choice(forms)


def _greeting(scene: Scene) -> str:
    return say(scene.rng, "{Hi|Hello|Dear|Hey|Good morning} <first>,", {"first": scene.to.first})


def private(scene: Scene) -> Letter:
    """A private message, at times with a photo."""
    rng = scene.rng
    friend = rng.choice(scene.world.friends)
    close = rng.choice(("Love,", "See you,", "Cheers,", "Hugs", "Best,", "Take care,", "x"))
    body = personal(scene, [_greeting(scene), *_talk(scene, PRIVATE, 1, 7), f"{close}\n{friend.first}"])
    if rng.random() < 0.2:
        photo = png(rng.randrange(256), rng.randrange(256), rng.randrange(256), 64, 48)
        name = f"IMG_{rng.randint(1000, 9999)}.png"
        body = mime.multipart(rng, "mixed", [body, mime.file(photo, name, "image/png")])
    subject = say(rng, _PRIVATE_SUBJECTS, _slots(scene))
    return Letter((friend.name, friend.address), subject, body, rng.choice(("webmail", "webmail", "desktop")))


def _quoted(scene: Scene, paragraphs: Sequence[str], writer: Person, when_text: str) -> str:
    mark = "\n".join("> " + line for paragraph in paragraphs for line in [*paragraph.split("\n"), ""])
    if scene.rng.random() < 0.6:
        return f"On {when_text}, {writer.name} <{writer.address}> wrote:\n\n{mark}"
    original = "\n\n".join(paragraphs)
    return f"-----Original Message-----\nFrom: {writer.name}\nSent: {when_text}\n\n{original}"


def work(scene: Scene) -> Letter:
    """A message of a work thread: new or a reply with quotes, at times with a document."""
    rng = scene.rng
    author = rng.choice(scene.world.partners if rng.random() < 0.6 else scene.world.staff)
    subject = say(rng, _SUBJECTS, _slots(scene))
    subject = subject[0].upper() + subject[1:]
    paragraphs = [_greeting(scene), *_talk(scene, WORK, 1, 6)]
    paragraphs.append(rng.choice(("Best regards", "Regards", "Thanks", "Kind regards", "Many thanks", "BR")) + ",")
    paragraphs.append(_signature(scene, author))
    extra: list[tuple[str, str]] = []
    depth = rng.choice((0, 0, 1, 1, 2, 4))
    if depth:
        subject = f"{rng.choice(('Re', 'RE', 'AW', 'Fwd'))}: {subject}"
        ids = [message_id(scene, "desktop", scene.world.home) for _ in range(depth)]
        extra = [("In-Reply-To", ids[-1]), ("References", "\n\t".join(ids))]
        for back in range(depth):
            when = (scene.when - timedelta(hours=rng.randint(2, 60) * (back + 1))).strftime("%a, %b %d, %Y at %H:%M")
            writer = scene.to if back % 2 == 0 else author
            paragraphs.append(_quoted(scene, _talk(scene, WORK, 1, 3), writer, when))
    if rng.random() < 0.3:
        link = f"https://{rng.choice(('docs', 'share', 'wiki'))}.{author.address.partition('@')[2]}"
        paragraphs.insert(2, f"{link}/d/{scene.token(48)}")
    body = personal(scene, paragraphs, html_share=0.55)
    if rng.random() < 0.3:
        body = mime.multipart(rng, "mixed", [body, _document(scene, subject)])
    letter = Letter(
        (author.name, author.address), subject, body, rng.choice(("office", "office", "desktop", "webmail"))
    )
    letter.extra += extra
    if rng.random() < 0.4:
        others = rng.sample(scene.world.staff, 2)
        letter.extra.append(("Cc", ", ".join(mime.mailbox(one.name, one.address) for one in others)))
    return letter


def _document(scene: Scene, subject: str) -> mime.Part:
    rng = scene.rng
    stem = "".join(mark if mark.isalnum() else "_" for mark in subject)[:40].strip("_")
    if rng.random() < 0.6:
        return mime.file(pdf(subject, _talk(scene, WORK, 2, 8)), f"{stem}.pdf", "application/pdf")
    if rng.random() < 0.5:
        table = "\n".join(f"item {n};{rng.randint(1, 900)};{rng.random() * 99:.2f}" for n in range(20))
        return mime.file(table.encode(), f"{stem}.csv", "text/csv")
    return mime.file("\n\n".join(_talk(scene, WORK, 3, 8)).encode(), f"{stem}.txt", "text/plain")


def invitation(scene: Scene) -> Letter:
    """A meeting request with its calendar part."""
    rng = scene.rng
    host = rng.choice(scene.world.staff + scene.world.partners)
    subject = say(
        rng,
        "{Invitation: |Updated: |}{Weekly sync|Project review|Interview panel|Budget round|<thing>|Kick-off <city>|"
        "1:1|All hands|Demo|Retrospective}",
        _slots(scene),
    )
    start = scene.when + timedelta(days=rng.randint(1, 20), hours=rng.randint(0, 6))
    place = rng.choice(("Room 2.14", "Room Harbour", f"https://meet.{scene.world.home}/j/{rng.randint(10**8, 10**9)}"))
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Calendar//EN", "METHOD:REQUEST", "BEGIN:VEVENT",
        f"UID:{scene.token()}@{scene.world.home}", f"DTSTAMP:{scene.when:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{start:%Y%m%dT%H0000Z}", f"DURATION:PT{rng.choice((30, 45, 60, 90))}M", f"SUMMARY:{subject}",
        f"LOCATION:{place}", f"ORGANIZER;CN={host.name}:mailto:{host.address}",
        f"ATTENDEE;RSVP=TRUE;CN={scene.to.name}:mailto:{scene.to.address}", "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    when = start.strftime("%A %d %B %Y %H:00 UTC")
    agenda = _talk(scene, WORK, 0, 3)
    text = personal(scene, [subject, f"When: {when}\nWhere: {place}", f"Organizer: {host.name}", *agenda])
    parts = [text, mime.calendar("\r\n".join(lines))]
    return Letter((host.name, host.address), subject, mime.multipart(rng, "alternative", parts), "office")


def forward(scene: Scene) -> Letter:
    """A message passed on as an attachment."""
    rng = scene.rng
    inner_letter = work(scene)
    inner = deliver(scene._replace(when=scene.when - timedelta(days=1), to=rng.choice(scene.world.staff)), inner_letter)
    author = rng.choice(scene.world.staff)
    note = say(
        rng,
        "{FYI|For your information|See attached|Please see below|As discussed} {.|, no action needed.|, please handle.|}",
    )
    body = mime.multipart(rng, "mixed", [personal(scene, [note, author.first], html_share=0.2), mime.nested(inner)])
    return Letter((author.name, author.address), f"Fwd: {inner_letter.subject}", body, "desktop")


def away(scene: Scene) -> Letter:
    """An automatic reply."""
    rng = scene.rng
    author = rng.choice(scene.world.partners)
    text = say(
        rng,
        "{Thank you for your message|Hello|I am out of the office}. {I am away until <day>|I am on leave and back on "
        "<day>|I read mail rarely this week}. {In urgent cases please write to <colleague>|Your message is not "
        "forwarded|I will answer when I return}.",
        _slots(scene),
    )
    letter = Letter((author.name, author.address), f"{rng.choice(('Automatic reply', 'Out of office'))}: your message",
                    personal(scene, [text, author.name], html_share=0.3), "office", envelope_from="")  # fmt: skip
    letter.extra += [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")]
    return letter
